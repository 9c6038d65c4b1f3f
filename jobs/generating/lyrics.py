"""Words to sing as phonemes with times, as models are told them."""

from typing import Any

from featurizers.audio import Sound
from featurizers.featurizer import Inputs
from featurizers.phonemes import Phonemes
from featurizers.phonemizer import UnknownLanguageError
from training.errors import SettingError

WORD_S = 0.4
"""Of a word, where there is time: about as fast as pop songs go."""


def phonemes_of(lyrics: str, language: str, duration_s: float) -> list[dict[str, Any]]:
    """Return ``{"symbol", "start_s", "end_s"}`` of each phoneme: the words end to end from the start of the piece.

    A word takes 0.4 s, less if they would not fit. Raises SettingError if nothing reads the language, or if there is
    no word in it.
    """
    words = lyrics.split()
    word_s = min(WORD_S, duration_s / max(len(words), 1))
    timed = [{"word": word, "start_s": n * word_s, "end_s": (n + 1) * word_s} for n, word in enumerate(words)]
    try:
        [found] = Phonemes(aligner="shared").load()([Inputs(Sound.of(), {"words": timed, "language": language})])
    except UnknownLanguageError as error:
        raise SettingError(f"--language {language}: {error}") from error
    if not found["phonemes"]:
        raise SettingError(f"--lyrics {lyrics!r} has no word that could be sung")
    return [{"symbol": row["phoneme"], "start_s": row["start_s"], "end_s": row["end_s"]} for row in found["phonemes"]]
