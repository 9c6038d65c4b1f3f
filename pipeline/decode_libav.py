"""Containers and codecs through libav (PyAV): what is in a file, which stream to take, and its audio in blocks."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import av
import av.logging
import numpy as np

from featurizers.audio import Samples
from pipeline.decode_mixdown import Block
from pipeline.decode_source import Source, looks_like
from pipeline.reasons import Reason, Refused

_CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,au,avi,caf,dsf,eac3,flac,flv,loas,matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,ogg,tak,tta,"
    "w64,wav,wv"
)
"""Formats that hold recorded sound. Everything else that libav would find in a file is no audio to us: images, text
(subtitles, terminal art), and playlists, which could make it open other files."""

_ONE_STREAM_LENGTH = frozenset({"asf", "matroska"})  # their duration is that of the longest stream
_NO_LENGTH = frozenset({"aac", "ac3", "avi", "eac3", "flv", "loas", "mpeg", "mpegts", "ogg"})

_BUFFER_BYTES = 2**16
_BLOCK_SAMPLES = 2**16
_MAX_DAMAGED_SHARE = 0.02
_MAX_DAMAGED_FREE = 3
_MAX_DAMAGED_PLACES = 10

_FULL_SCALE = {"u8": 2.0**7, "s16": 2.0**15, "s32": 2.0**31, "flt": 1.0, "dbl": 1.0}


@dataclass(frozen=True)
class Media:
    """An opened container and the one audio stream that counts."""

    input: Any
    stream: Any
    container: str
    codec: str
    sample_rate_hz: int
    num_channels: int
    duration_s: float | None
    """What the container says, or what libav estimates from the bit rate."""
    exact: bool
    """Whether ``duration_s`` is the declared length of this very stream."""
    estimated: bool
    """Whether ``duration_s`` is a guess from the bit rate."""


@contextmanager
def open_media(source: Source) -> Iterator[Media]:
    """Open a file by its content. Raises Refused: not_audio, no_audio_stream, decode."""
    with _logging(av.logging.WARNING), av.logging.Capture() as logs:
        opened = _open(source)
    estimated = any("Estimating duration" in message for _, _, message in logs)
    with _logging(None), opened:
        yield _media(opened, estimated)


@contextmanager
def _logging(level: int | None) -> Iterator[None]:
    """Set libav's log level for a while; None is silence, as damaged files would fill a worker's standard error."""
    before = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(level)
    av.logging.set_skip_repeated(False)  # or the second of two like files would not be known as estimated
    try:
        yield
    finally:
        av.logging.set_level(before[0])
        av.logging.set_skip_repeated(before[1])


def _open(source: Source) -> Any:
    options = {"format_whitelist": _CONTAINERS}
    try:
        return av.open(source.again(), options=options, metadata_errors="replace", buffer_size=_BUFFER_BYTES)
    except (av.FFmpegError, ValueError) as error:
        name = looks_like(source)
        if name is None:
            raise Refused(Reason.NOT_AUDIO, "no decoder recognises its content as audio") from error
        raise Refused(Reason.DECODE, f"it starts like {name}, but its structure is damaged or cut off") from error


def _media(opened: Any, estimated: bool) -> Media:
    stream = _choose(opened)
    container = opened.format.name.split(",")[0]
    duration_s = _duration_s(opened, stream)
    alone = not any(other.type == "video" and not _is_picture(other) for other in opened.streams)
    exact = duration_s is not None and not estimated and container not in _NO_LENGTH
    return Media(
        input=opened,
        stream=stream,
        container=container,
        codec=stream.codec_context.codec.canonical_name,
        sample_rate_hz=stream.codec_context.sample_rate,
        num_channels=stream.codec_context.layout.nb_channels,
        duration_s=duration_s,
        exact=exact and (container not in _ONE_STREAM_LENGTH or (alone and len(opened.streams.audio) == 1)),
        estimated=estimated,
    )


def _is_picture(stream: Any) -> bool:
    return bool(stream.disposition & av.stream.Disposition.attached_pic)


def _choose(opened: Any) -> Any:
    """Return the audio stream marked as default, or else the first that can be decoded."""
    if not opened.streams.audio:
        raise Refused(Reason.NO_AUDIO_STREAM, "it holds no sound")
    decodable = [stream for stream in opened.streams.audio if stream.codec_context is not None]
    if not decodable:
        raise Refused(Reason.DECODE, "there is no decoder for its codec")
    default = (stream for stream in decodable if stream.disposition & av.stream.Disposition.default)
    return next(default, decodable[0])


def _duration_s(opened: Any, stream: Any) -> float | None:
    if stream.duration is not None and stream.time_base:
        return float(stream.duration * stream.time_base)
    return None if opened.duration is None else opened.duration / av.time_base


def counted_duration_s(media: Media, max_duration_s: float) -> float:
    """Return the sum of packet durations, without decoding; stops soon after ``max_duration_s``."""
    duration_s = 0.0
    for packet in _packets(media):
        duration_s += float((packet.duration or 0) * (packet.time_base or 0))
        if duration_s > max_duration_s:
            break
    return duration_s


def libav_blocks(media: Media) -> Iterator[Block]:
    """Yield the stream in blocks of about a second, without the padding that the codec's encoder added in front.

    Damaged packets are skipped. Raises Refused (decode) when they are more than three and 2 % of all, or when the
    container cannot be followed any further.
    """
    waiting: list[Any] = []
    num_waiting = 0
    for frame in _frames(media):
        if waiting and (num_waiting >= _BLOCK_SAMPLES or _form(frame) != _form(waiting[0])):
            yield _block(waiting)
            waiting, num_waiting = [], 0
        waiting.append(frame)
        num_waiting += frame.samples
    if waiting:
        yield _block(waiting)


def _frames(media: Media) -> Iterator[Any]:
    media.stream.codec_context.thread_count = 1
    num_packets = num_damaged = 0
    for packet in _packets(media):
        num_packets += 1
        try:
            yield from packet.decode()
        except (av.FFmpegError, ValueError):
            num_damaged += 1
    if num_damaged > max(_MAX_DAMAGED_FREE, _MAX_DAMAGED_SHARE * num_packets):
        raise Refused(Reason.DECODE, f"{num_damaged} of its {num_packets} packets are damaged")


def _packets(media: Media) -> Iterator[Any]:
    """Yield the stream's packets; a damaged place in the container is passed over, up to ten of them."""
    for _ in range(_MAX_DAMAGED_PLACES):
        try:
            yield from media.input.demux(media.stream)
        except av.InvalidDataError:
            continue
        except (av.FFmpegError, ValueError) as error:
            raise Refused(Reason.DECODE, f"libav: {getattr(error, 'strerror', None) or error}") from error
        return
    raise Refused(Reason.DECODE, f"its container is damaged in {_MAX_DAMAGED_PLACES} places or more")


def _form(frame: Any) -> tuple[int, str, str]:
    return frame.sample_rate, frame.format.name, frame.layout.name


def _block(frames: list[Any]) -> Block:
    first = frames[0]
    positions = tuple(channel.name for channel in first.layout.channels)
    return Block(_samples(frames), first.sample_rate, positions)


def _samples(frames: list[Any]) -> Samples:
    """Join frames of one form as float32 (channels, samples), full scale 1.0."""
    form, num_channels = frames[0].format, frames[0].layout.nb_channels
    kind = form.name.removesuffix("p")
    if kind not in _FULL_SCALE:
        raise Refused(Reason.DECODE, f"its samples have the form {kind}, which is not supported")
    joined = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
    if not form.is_planar:
        joined = joined.reshape(-1, num_channels).T
    if kind == "flt":
        return joined
    centre = 128.0 if kind == "u8" else 0.0
    with np.errstate(over="ignore", invalid="ignore"):  # a double beyond float32 becomes infinite, and then 0
        return ((joined - centre) / _FULL_SCALE[kind]).astype(np.float32)
