"""Decoding: a file's bytes become one float32 array, or are refused for a reason from the closed list.

libav (PyAV) says what a file holds, judged by content and never by name. Uncompressed audio and FLAC are then read by
libsndfile, everything else, more than two channels, and what libsndfile fails on, by libav. The encoder delay of mp3
(LAME header), m4a, opus, and vorbis is taken off; raw AAC and mp3 without that header do not say theirs and keep it
(about 25 ms), WMA loses up to 50 ms, as libav guesses its delay. A chained Ogg file plays through while its rate and
channels stay; libav does not follow a change, so such a file is refused.
"""

from dataclasses import dataclass
from typing import BinaryIO

from featurizers.audio import Audio
from pipeline.decode_libav import Media, counted_duration_s, libav_blocks, open_media
from pipeline.decode_mixdown import Mixdown
from pipeline.decode_sndfile import CONTAINERS, sndfile_blocks
from pipeline.decode_source import Source, missing_share
from pipeline.printable import printable
from pipeline.reasons import Reason, Refused

_MISSING_S = 0.5
_MISSING_SHARE = 0.02
_MAX_PADDING_SAMPLES = 4096


@dataclass(frozen=True)
class Decoded:
    """A track's audio, at most stereo and 48 kHz, and what its container says."""

    audio: Audio
    container: str
    codec: str
    sample_rate_hz: int
    """In the file; ``audio.rate_hz`` differs above 48 kHz."""
    num_channels: int
    """In the file; more than two are folded down to stereo."""
    num_nonfinite: int
    """NaN and infinite values that were replaced by 0."""

    def facts(self) -> dict[str, str | int]:
        """The columns of the tracks fragment that the container tells."""
        return {
            "container": self.container,
            "codec": self.codec,
            "sample_rate_hz": self.sample_rate_hz,
            "num_channels": self.num_channels,
        }


def decode(file: BinaryIO, name: str, max_duration_s: float) -> Decoded:
    """Decode a seekable binary file to float32 with full scale 1.0, free of NaN, infinities and absurd values.

    ``name`` appears in messages only. Memory is that of the result and some blocks. Raises Refused, and nothing else
    for bad content: unreadable, empty, not_audio, no_audio_stream, truncated, too_long, decode.
    """
    source = Source(file)
    try:
        return _decode(source, max_duration_s)
    except Refused as refusal:
        reason, message = refusal.reason, str(refusal)
        if source.failures:
            reason, message = Reason.UNREADABLE, f"it could not be read: {source.failures[0]}"
        raise Refused(reason, printable(f"{name}: {message}")) from refusal


def _decode(source: Source, max_duration_s: float) -> Decoded:
    if source.num_bytes == 0:
        raise Refused(Reason.EMPTY, "it has zero bytes")
    missing = missing_share(source)
    with open_media(source) as media:
        declared_s = _declared_s(media, missing)
        _check_length(source, media, declared_s, max_duration_s)
        mixdown = _mixdown(source, media, max_duration_s)
    audio = mixdown.finish()
    if source.failures or audio is None:
        raise Refused(Reason.DECODE, "it holds no sample of audio")
    if declared_s is not None:
        _check_complete(declared_s, mixdown.duration_s)
        audio = _without_padding(audio, declared_s) if media.container == "mov" else audio
    return Decoded(audio, media.container, media.codec, media.sample_rate_hz, media.num_channels, mixdown.num_nonfinite)


def _declared_s(media: Media, missing: float) -> float | None:
    """Return how much audio the container declares, or None if it does not say so exactly."""
    if media.duration_s is None or not (media.exact or missing):
        return None
    return media.duration_s / (1 - missing) if missing < 1 else None


def _check_length(source: Source, media: Media, declared_s: float | None, max_duration_s: float) -> None:
    duration_s = declared_s or media.duration_s or 0.0
    if duration_s > max_duration_s and media.estimated:
        with open_media(source) as again:
            duration_s = counted_duration_s(again, max_duration_s)
    if duration_s > max_duration_s:
        message = f"it has {duration_s:.0f} s of audio or more, and the limit is {max_duration_s:.0f} s"
        raise Refused(Reason.TOO_LONG, message)


def _mixdown(source: Source, media: Media, max_duration_s: float) -> Mixdown:
    """Decode through libsndfile where that is exact, and through libav otherwise or if it fails."""
    if _is_plain(media):
        mixdown = Mixdown(max_duration_s)
        try:
            mixdown.add_all(sndfile_blocks(source))
        except Refused as refusal:
            if refusal.reason is not Reason.DECODE:
                raise
        else:
            return mixdown
    mixdown = Mixdown(max_duration_s)
    mixdown.add_all(libav_blocks(media))
    return mixdown


def _is_plain(media: Media) -> bool:
    codec = media.codec == "flac" or media.codec.startswith("pcm_")
    return codec and media.container in CONTAINERS and media.num_channels <= 2 and media.duration_s is not None


def _check_complete(declared_s: float, decoded_s: float) -> None:
    if declared_s - decoded_s > max(_MISSING_S, _MISSING_SHARE * declared_s):
        message = f"its header declares {declared_s:.2f} s of audio, of which {decoded_s:.2f} s could be decoded"
        raise Refused(Reason.TRUNCATED, message)


def _without_padding(audio: Audio, declared_s: float) -> Audio:
    """Cut what the last packet holds past the end of the edit list."""
    num_samples = round(declared_s * audio.rate_hz)
    excess = audio.samples.shape[1] - num_samples
    return Audio(audio.samples[:, :num_samples], audio.rate_hz) if 0 < excess <= _MAX_PADDING_SAMPLES else audio
