"""The only list of featurizers: fragment name -> where its featurizer lives."""

from importlib import import_module

from featurizers.featurizer import Featurizer

FEATURIZERS = {
    "stems": "featurizers.stems:Stems",
    "level": "featurizers.level:Level",
    "timbre": "featurizers.timbre:Timbre",
    "rhythm": "featurizers.rhythm:Rhythm",
    "harmony": "featurizers.harmony:Harmony",
    "onsets": "featurizers.onsets:Onsets",
    "structure": "featurizers.structure:Structure",
    "theory": "featurizers.theory:Theory",
    "pitch": "featurizers.pitch:Pitch",
    "singer": "featurizers.singer:Singer",
    "singer_vocals": "featurizers.singer_vocals:SingerVocals",
    "lyrics": "featurizers.lyrics:Lyrics",
    "phonemes": "featurizers.phonemes:Phonemes",
    "clap": "featurizers.clap:Clap",
    "prompt": "featurizers.prompt:Prompt",
    "clap_text": "featurizers.clap_text:ClapText",
    "mel": "featurizers.mel:Mel",
    "codec_tokens": "featurizers.codec_tokens:CodecTokens",
    "latents": "featurizers.latents:Latents",
}


def featurizer_class(location: str) -> type[Featurizer]:
    """Return the featurizer class at ``module:Class``.

    Raises ValueError if there is none: the location is malformed, or names no Featurizer.
    """
    module_name, _, class_name = location.partition(":")
    try:
        found = getattr(import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"no featurizer at {location!r}: {error}") from error
    if not (isinstance(found, type) and issubclass(found, Featurizer)):
        raise ValueError(f"{location!r} is no Featurizer")
    return found
