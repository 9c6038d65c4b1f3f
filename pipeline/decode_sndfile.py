"""Blocks of audio through libsndfile: the reference for uncompressed audio and FLAC, sample by sample."""

from collections.abc import Iterator

import soundfile

from pipeline.decode_mixdown import Block
from pipeline.decode_source import Source
from pipeline.reasons import Reason, Refused

CONTAINERS = frozenset({"aiff", "au", "caf", "flac", "w64", "wav"})

_BLOCK_SAMPLES = 2**17


def sndfile_blocks(source: Source) -> Iterator[Block]:
    """Yield the whole file in blocks; integers are scaled so that full scale is 1.0, floats left as they are.

    Raises Refused (decode) where libsndfile fails.
    """
    try:
        with soundfile.SoundFile(source.again()) as file:
            while len(samples := file.read(_BLOCK_SAMPLES, dtype="float32", always_2d=True)):
                yield Block(samples.T, file.samplerate)
    except (soundfile.SoundFileError, ValueError, TypeError) as error:
        raise Refused(Reason.DECODE, f"libsndfile: {error}") from error
