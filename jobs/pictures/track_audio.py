"""The sound of a track for its picture: its file read again, and encoded small enough to travel in a page."""

import hashlib
import io
from collections.abc import Iterator

import numpy as np

from featurizers.audio import Audio, Samples
from pipeline.decode import decode
from pipeline.printable import printable
from pipeline.reasons import Reason, Refused
from pipeline.source import open_content
from pipeline.track_rows import TrackRows

MAX_DURATION_S = 1800.0
"""Longer tracks are drawn without their sound: decoded, an hour of stereo takes 1.4 GB."""

_BIT_RATE = 64_000  # ten minutes are 4.8 MB, or 6.4 MB as base64
_OPUS_HZ = 48_000
_CHUNK_S = 10


def read_audio(track: TrackRows) -> Audio:
    """Decode the first of the track's files that still has its content.

    Raises Refused with a sentence for a person: gone, unreadable, changed, or longer than ``MAX_DURATION_S``.
    """
    if not track.uris:
        gone = f": {_file_name(track.gone_uris[0])}" if track.gone_uris else ""
        raise Refused(Reason.VANISHED, f"the dataset knows no file of it that is still there{gone}")
    refusals = []
    for uri in track.uris:
        try:
            return _decoded(track, uri)
        except Refused as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _decoded(track: TrackRows, uri: str) -> Audio:
    name = _file_name(uri)
    try:
        with open_content(uri) as content:
            imported = hashlib.sha256(uri.encode()).hexdigest()[:32]  # a dataset may come without having heard it
            if track.track_id not in (content.track_id, imported):
                raise Refused(Reason.CHANGED, f"{name} has other content now than when it was analysed")
            return decode(content.file, name, MAX_DURATION_S).audio
    except (ImportError, ValueError) as error:  # a URL whose protocol is unknown or not installed
        raise Refused(Reason.UNREADABLE, f"{name} could not be read: {error}") from error
    except Refused as refusal:
        if name in str(refusal):
            raise
        raise Refused(refusal.reason, f"{name}: {refusal}") from refusal


def _file_name(uri: str) -> str:
    return printable(uri.rstrip("/").rpartition("/")[2])


def chunks(audio: Audio) -> Iterator[Samples]:
    """The samples, ten seconds at a time."""
    length = _CHUNK_S * audio.rate_hz
    for start in range(0, audio.samples.shape[1], length):
        yield audio.samples[:, start : start + length]


def opus_webm(audio: Audio) -> bytes:
    """Encode as Opus (RFC 6716) in WebM, 64 kbit/s, which every current browser plays; full scale is kept."""
    import av

    file = io.BytesIO()
    layout = "mono" if audio.samples.shape[0] == 1 else "stereo"
    with av.open(file, "w", format="webm") as container:
        stream = container.add_stream("libopus", rate=_OPUS_HZ, layout=layout)
        stream.bit_rate = _BIT_RATE
        for frame in _frames(audio, layout):
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _frames(audio: Audio, layout: str) -> Iterator[object]:
    """Frames of a second's fraction at the rate of Opus."""
    import av

    resampler = av.AudioResampler(format="flt", layout=layout, rate=_OPUS_HZ)
    for part in chunks(audio):
        interleaved = np.ascontiguousarray(np.clip(part, -1, 1).T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(interleaved, format="flt", layout=layout)
        frame.sample_rate = audio.rate_hz
        yield from resampler.resample(frame)
    yield from resampler.resample(None)
