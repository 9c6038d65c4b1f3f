"""Decoding what is no sound, or no whole one: each file ends in a reason from the list or in a sound result."""

import io
import os
from contextlib import suppress
from functools import cache
from pathlib import Path

import av.logging
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from encoded import LOSSLESS, LOSSY, bursts, encode, film, sine, wav
from pipeline.decode import Decoded, decode
from pipeline.decode_source import Source, looks_like, missing_share
from pipeline.reasons import Reason, Refused

ENCODERS = {name: encoder for name, (encoder, _, _) in (LOSSLESS | LOSSY).items()}
ENCODERS |= {
    "m4a, index first": lambda x, rate: encode(x, rate, "ipod", "aac", movflags="faststart"),
    "au": lambda x, rate: wav(x, rate, format="AU"),
    "caf": lambda x, rate: wav(x, rate, format="CAF"),
    "w64": lambda x, rate: wav(x, rate, format="W64"),
    "float wav": lambda x, rate: wav(x, rate, "FLOAT"),
}


@cache
def encoded(format: str, duration_s: float) -> bytes:
    rate_hz = 48000 if format in ("opus", "webm") else 44100
    return ENCODERS[format](bursts(duration_s, rate_hz), rate_hz)


def decoded(content: bytes) -> Decoded:
    return decode(io.BytesIO(content), "song.mp3", 600)


def refusal(content: bytes) -> Refused:
    with pytest.raises(Refused) as refused:
        decoded(content)
    return refused.value


NO_AUDIO = {
    "text": b"These are words, not music.\n" * 500,
    "subtitles": b"1\n00:00:01,000 --> 00:00:02,000\nla la la\n\n" * 200,
    "terminal art": b"\x1b[31mred\x1b[0m\r\n" * 500,
    "web page": b"<!DOCTYPE html><html><body>music</body></html>" * 50,
    "zeros": bytes(50_000),
    "one byte": b"f",
    "picture": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(1000),
    "photograph": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(1000),
    "document": b"%PDF-1.4\n" + bytes(range(256)) * 20,
    "tag alone": b"ID3\x03\x00\x00\x00\x00\x0f\x76" + bytes(2038),
    "noise": np.random.default_rng(1).bytes(100_000),
}


@pytest.mark.parametrize("kind", NO_AUDIO)
def test_what_is_no_audio_is_refused_as_such(kind: str) -> None:
    assert refusal(NO_AUDIO[kind]).reason is Reason.NOT_AUDIO


@pytest.mark.parametrize("playlist", ["#EXTM3U\n#EXTINF:1,\n{}\n", "ffconcat version 1.0\nfile '{}'\n"])
def test_playlists_open_nothing(playlist: str, tmp_path: Path) -> None:
    (tmp_path / "song.wav").write_bytes(encoded("wav", 0.3))
    assert refusal(playlist.format(tmp_path / "song.wav").encode()).reason is Reason.NOT_AUDIO


def test_zero_bytes() -> None:
    assert refusal(b"").reason is Reason.EMPTY


@pytest.mark.parametrize("container", ["mp4", "matroska", "avi"])
def test_a_silent_film(container: str) -> None:
    assert refusal(film(container)).reason is Reason.NO_AUDIO_STREAM


def test_a_file_that_holds_no_samples() -> None:
    assert refusal(wav(sine(1)[:, :0])).reason is Reason.DECODE


@pytest.mark.parametrize("format", ["wav", "wav24", "rf64", "aiff", "au", "caf", "w64", "flac", "mka", "mp3", "webm"])
def test_a_cut_file_whose_header_tells_its_length(format: str) -> None:
    content = encoded(format, 3)
    refused = refusal(content[: len(content) // 2])
    assert refused.reason is Reason.TRUNCATED
    declared_s, decoded_s = (float(word) for word in str(refused).split() if word.replace(".", "").isdigit())
    assert declared_s == pytest.approx(3, abs=0.02)
    assert decoded_s == pytest.approx(1.5, abs=0.6)


def chunk(id: bytes, num_bytes: int, body: bytes, size_bytes: int = 4, big: bool = False) -> bytes:
    return id + num_bytes.to_bytes(size_bytes, "big" if big else "little") + body


W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
QUARTER = bytes(25)
HEADERS = {
    "nothing missing": (b"RIFF....WAVE" + chunk(b"data", 25, QUARTER), 0.0),
    "cut": (b"RIFF....WAVE" + chunk(b"data", 100, QUARTER), 0.75),
    "nothing of it": (b"RIFF....WAVE" + chunk(b"data", 100, b""), 1.0),
    "more behind": (b"RIFF....WAVE" + chunk(b"data", 26, bytes(26)) + chunk(b"LIST", 4, bytes(4)), 0.0),
    "odd chunk before, padded": (b"RIFF....WAVE" + chunk(b"LIST", 3, bytes(4)) + chunk(b"data", 100, QUARTER), 0.75),
    "big-endian": (b"RIFX....WAVE" + chunk(b"data", 100, QUARTER, big=True), 0.75),
    "length left open": (b"RIFF....WAVE" + chunk(b"data", 2**32 - 1, QUARTER), 0.0),
    "length of a stream": (b"RIFF....WAVE" + chunk(b"data", 0, QUARTER), 0.0),
    "no data": (b"RIFF....WAVE" + chunk(b"LIST", 4, bytes(4)), 0.0),
    "cut in a chunk's head": (b"RIFF....WAVE" + b"data\x64", 0.0),
    "caf, odd chunk before": (
        b"caff...." + chunk(b"info", 3, bytes(3), 8, big=True) + chunk(b"data", 100, QUARTER, 8, big=True),
        0.75,
    ),
    "w64, odd chunk before, padded": (
        b"riff".ljust(40) + chunk(b"fmt ".ljust(16), 24 + 3, bytes(8), 8) + chunk(W64_DATA, 24 + 100, QUARTER, 8),
        0.75,
    ),
    "w64, a size below that of its head": (
        b"riff".ljust(40) + chunk(b"fmt ".ljust(16), 0, b"", 8) + chunk(W64_DATA, 24 + 100, QUARTER, 8),
        0.75,
    ),
    "w64, empty": (b"riff".ljust(40) + chunk(W64_DATA, 24, QUARTER, 8), 0.0),
    "another format": (b"FORM....AIFF" + chunk(b"data", 100, QUARTER), 0.0),
}


@pytest.mark.parametrize("kind", HEADERS)
def test_how_much_of_what_a_header_declares_is_missing(kind: str) -> None:
    content, share = HEADERS[kind]
    assert missing_share(Source(io.BytesIO(content))) == share


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"FORM....AIFF", "aiff"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
        (b"fLaC....", "flac"),
        (b"\x1a\x45\xdf\xa3....", "matroska"),
        (b"....ftypM4A ", "mov"),
        (b"OggS....", "ogg"),
        (b"RIFF....WAVE", "wav"),
        (b"RIFF....AVI ", None),
        (b"ftyp", None),
        (b"", None),
    ],
)
def test_the_first_bytes_promise_a_container(head: bytes, name: str | None) -> None:
    assert looks_like(Source(io.BytesIO(head + bytes(20)))) == name


def test_a_decoder_that_is_sent_before_the_start_is_at_the_start() -> None:
    source = Source(io.BytesIO(b"abc"))
    assert (source.seek(2), source.seek(-9, os.SEEK_CUR), source.read(2)) == (2, 0, b"ab")
    assert (source.seek(-1, os.SEEK_END), source.read(), source.read(), source.tell()) == (2, b"c", b"", 3)


def test_a_cut_m4a() -> None:
    cut = {name: content[: len(content) // 2] for name in ("m4a", "m4a, index first") for content in [encoded(name, 3)]}
    assert refusal(cut["m4a"]).reason is Reason.DECODE  # its index, at the end, is gone
    assert refusal(cut["m4a, index first"]).reason is Reason.TRUNCATED


@pytest.mark.parametrize("format", ["mp3 without a LAME header", "ogg", "opus", "aac", "wma"])
def test_a_cut_file_that_does_not_tell_its_length_is_a_shorter_sound(format: str) -> None:
    content = encoded(format, 6)
    whole, cut = decoded(content).audio, decoded(content[: len(content) * 2 // 3]).audio
    assert 1 < cut.duration_s < 5
    shared = slice(0, cut.samples.shape[1] - 4096)
    assert np.abs(cut.samples[:, shared] - whole.samples[:, shared]).max() < 1e-3


@pytest.mark.parametrize("format", ["wav", "flac", "mp3"])
def test_a_few_bytes_short_is_whole(format: str) -> None:
    content = encoded(format, 3)
    assert decoded(content[:-200]).audio.duration_s == pytest.approx(3, abs=0.3)


@pytest.mark.parametrize("format", ["flac", "mp3", "ogg", "opus", "m4a", "wma", "aac"])
def test_one_damaged_place_costs_little(format: str) -> None:
    content = bytearray(encoded(format, 6))
    content[len(content) // 2] ^= 0x55
    assert decoded(bytes(content)).audio.duration_s == pytest.approx(6, abs=1.2)


def test_many_damaged_packets_are_refused() -> None:
    content = bytearray(encoded("m4a, index first", 6))
    content[-12_000:-2_000] = np.random.default_rng(0).bytes(10_000)
    refused = refusal(bytes(content))
    assert refused.reason is Reason.DECODE
    assert "packets are damaged" in str(refused)


class FailingDisk(io.BytesIO):
    """Nothing past the first 8000 bytes can be read."""

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        if self.tell() > 8000:
            raise OSError(5, "Input/output error")
        return data


@pytest.mark.parametrize("format", ["wav", "flac", "mp3", "ogg", "m4a"])
def test_a_read_that_fails_midway(format: str, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Refused) as refused:
        decode(FailingDisk(encoded(format, 6)), "song", 600)
    assert refused.value.reason is Reason.UNREADABLE
    assert capfd.readouterr() == ("", "")


def test_hostile_names_print_safely() -> None:
    name = os.fsdecode(b"a\xff\n\x1b[31m\xf0\x9f\x8e\xb5.mp3")
    with pytest.raises(Refused) as refused:
        decode(io.BytesIO(b""), name, 600)
    message = str(refused.value)
    assert message.encode().decode() == message
    assert message.isprintable()
    assert "\N{MUSICAL NOTE}" in message
    assert "zero bytes" in message


def test_the_log_level_of_libav_is_left_as_it_was() -> None:
    before = av.logging.get_level()
    av.logging.set_level(av.logging.ERROR)
    try:
        decoded(encoded("mp3", 0.5))
        refusal(b"nothing")
        assert av.logging.get_level() == av.logging.ERROR
    finally:
        av.logging.set_level(before)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A small file of any format, with bytes changed, most of them in its header, and sometimes cut."""
    content = bytearray(encoded(draw(st.sampled_from(sorted(ENCODERS))), 0.4))
    anywhere, header = st.integers(0, len(content) - 1), st.integers(0, min(300, len(content) - 1))
    for position in draw(st.lists(anywhere | header, max_size=8)):
        content[position] = draw(st.integers(0, 255))
    return bytes(content[: draw(st.just(len(content)) | anywhere)])


@settings(max_examples=250, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(damaged())
def test_damaged_files_decode_or_are_refused(content: bytes) -> None:
    with suppress(Refused):  # and nothing else
        audio = decoded(content).audio
        assert audio.samples.dtype == np.float32
        assert audio.samples.shape[0] in (1, 2)
        assert audio.samples.shape[1] > 0
        assert np.isfinite(audio.samples).all()
        assert 1000 <= audio.rate_hz <= 48000


@pytest.mark.parametrize("format", ENCODERS)
def test_damaged_files_make_no_noise(format: str, capfd: pytest.CaptureFixture[str]) -> None:
    content = bytearray(encoded(format, 0.4))
    for start in (len(content) - 400, len(content) // 2, 60):
        content[start : start + 100] = np.random.default_rng(2).bytes(100)
        with suppress(Refused):
            decoded(bytes(content))
    assert capfd.readouterr() == ("", "")
