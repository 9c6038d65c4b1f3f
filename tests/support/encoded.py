"""Files in every format that decoding knows, encoded from samples."""

import io
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import soundfile

Samples = npt.NDArray[np.float32]

_LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
_BLOCK_SAMPLES = 16384  # libsndfile's Vorbis encoder keeps a whole write on the stack


def sine(
    duration_s: float, rate_hz: int = 44100, num_channels: int = 2, frequency_hz: float = 997.0, peak: float = 0.5
) -> Samples:
    """The same sine on every channel: (channels, samples)."""
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    return np.tile(peak * np.sin(2 * np.pi * frequency_hz * time_s), (num_channels, 1)).astype(np.float32)


def bursts(duration_s: float, rate_hz: int = 44100, num_channels: int = 2) -> Samples:
    """Decaying notes of changing pitch, which no shift in time leaves alike: (channels, samples)."""
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    pitch_hz = 220 * 2 ** (np.floor(time_s / 0.2) * 7 % 12 / 12)
    signal = 0.5 * np.exp(-(time_s % 0.2) * 12) * np.sin(2 * np.pi * pitch_hz * (time_s % 0.2))
    return np.tile(signal, (num_channels, 1)).astype(np.float32)


def wav(samples: Samples, rate_hz: int = 44100, subtype: str | None = None, format: str = "WAV") -> bytes:
    """Encode through libsndfile."""
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", rate_hz, samples.shape[0], subtype, format=format) as encoder:
        for first in range(0, samples.shape[1], _BLOCK_SAMPLES):
            encoder.write(samples[:, first : first + _BLOCK_SAMPLES].T)
    return file.getvalue()


def encode(
    samples: Samples, rate_hz: int, container: str, codec: str, bit_rate: int | None = None, **options: str
) -> bytes:
    """Encode through libav, with container options; 64 kbit/s a channel unless told."""
    return _mux(container, options, [(codec, samples, rate_hz)], bit_rate=bit_rate)


def film(container: str, soundtracks: Sequence[Samples] = (), default: int = 0) -> bytes:
    """Encode a second of pictures with AAC soundtracks at 44.1 kHz, one of them marked as default."""
    return _mux(container, {}, [("aac", samples, 44100) for samples in soundtracks], default, pictures=25)


def _mux(
    container: str,
    options: dict[str, str],
    sounds: Sequence[tuple[str, Samples, int]],
    default: int = 0,
    pictures: int = 0,
    bit_rate: int | None = None,
) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        with av.open(str(path), "w", format=container, options=options) as output:
            frames = [_add_pictures(output, pictures)] if pictures else []
            for index, (codec, samples, rate_hz) in enumerate(sounds):
                stream = output.add_stream(codec, rate=rate_hz, layout=_LAYOUTS[samples.shape[0]])
                stream.bit_rate = bit_rate or 64_000 * samples.shape[0]
                if len(sounds) > 1:
                    stream.disposition = av.stream.Disposition.default if index == default else 0
                frames.append((stream, _sound_frame(samples, rate_hz)))
            for stream, own in frames:
                for frame in [*own, None]:
                    for packet in stream.encode(frame):
                        output.mux(packet)
        return path.read_bytes()


def _sound_frame(samples: Samples, rate_hz: int) -> list[av.AudioFrame]:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=_LAYOUTS[samples.shape[0]])
    frame.sample_rate, frame.pts = rate_hz, 0
    return [frame]


def _add_pictures(output: Any, num_pictures: int) -> tuple[Any, list[av.VideoFrame]]:
    stream = output.add_stream("mpeg4", rate=25)
    stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
    frames = []
    for index in range(num_pictures):
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), index, np.uint8))
        frame.pts = index
        frames.append(frame)
    return stream, frames


Encoder = Callable[[Samples, int], bytes]

LOSSLESS: dict[str, tuple[Encoder, str, str]] = {
    "wav": (lambda x, rate: wav(x, rate), "wav", "pcm_s16le"),
    "wav24": (lambda x, rate: wav(x, rate, "PCM_24"), "wav", "pcm_s24le"),
    "rf64": (lambda x, rate: wav(x, rate, format="RF64"), "wav", "pcm_s16le"),
    "aiff": (lambda x, rate: wav(x, rate, format="AIFF"), "aiff", "pcm_s16be"),
    "flac": (lambda x, rate: wav(x, rate, format="FLAC"), "flac", "flac"),
    "flac24": (lambda x, rate: wav(x, rate, "PCM_24", "FLAC"), "flac", "flac"),
    "alac": (lambda x, rate: encode(x, rate, "ipod", "alac"), "mov", "alac"),
    "mka": (lambda x, rate: encode(x, rate, "matroska", "flac"), "matroska", "flac"),
}
"""Format -> how to encode it, and the container and codec that decoding should name."""

LOSSY: dict[str, tuple[Encoder, str, str]] = {
    "mp3": (lambda x, rate: encode(x, rate, "mp3", "libmp3lame"), "mp3", "mp3"),
    "mp3 without a LAME header": (lambda x, rate: encode(x, rate, "mp3", "libmp3lame", write_xing="0"), "mp3", "mp3"),
    "ogg": (lambda x, rate: wav(x, rate, format="OGG"), "ogg", "vorbis"),
    "opus": (lambda x, rate: encode(x, rate, "ogg", "libopus"), "ogg", "opus"),
    "webm": (lambda x, rate: encode(x, rate, "webm", "libopus"), "matroska", "opus"),
    "m4a": (lambda x, rate: encode(x, rate, "ipod", "aac"), "mov", "aac"),
    "aac": (lambda x, rate: encode(x, rate, "adts", "aac"), "aac", "aac"),
    "wma": (lambda x, rate: encode(x, rate, "asf", "wmav2"), "asf", "wmav2"),
}
