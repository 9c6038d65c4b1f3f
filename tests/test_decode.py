"""Decoding known signals: every format, odd rates and channel counts, several streams, long files."""

import io
import subprocess
import sys
import tracemalloc
from itertools import pairwise
from pathlib import Path

import mutagen.id3
import mutagen.mp3
import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from encoded import LOSSLESS, LOSSY, Samples, bursts, encode, film, sine, wav
from pipeline import decode_mixdown
from pipeline.decode import Decoded, decode
from pipeline.decode_mixdown import MAX_MAGNITUDE, Block, Mixdown, mix_matrix, output_rate_hz
from pipeline.reasons import Reason, Refused

HALF_POWER = 0.5**0.5
KNOWN_LAG_SAMPLES = {"mp3 without a LAME header": 1105, "aac": 1024, "wma": -2048}
"""Delay of encoders that their container does not tell; wma's is libav's guess."""


def decoded(content: bytes, max_duration_s: float = 1800, name: str = "song") -> Decoded:
    return decode(io.BytesIO(content), name, max_duration_s)


def lag_samples(found: Samples, truth: Samples) -> int:
    from scipy.signal import correlate

    return int(np.argmax(correlate(found[0], truth[0], method="fft"))) - (truth.shape[1] - 1)


def amplitude(samples: Samples, frequency_hz: float, rate_hz: int) -> Samples:
    """Signed amplitude of a sine that starts at phase 0, for every channel, away from the ends."""
    phase = 2 * np.pi * frequency_hz * np.arange(samples.shape[1]) / rate_hz
    inner = slice(rate_hz // 10, -rate_hz // 10)
    return 2 * (samples * np.sin(phase))[:, inner].mean(axis=1)


@pytest.mark.parametrize("format", LOSSLESS)
def test_lossless_formats_decode_to_the_very_samples(format: str) -> None:
    encoder, container, codec = LOSSLESS[format]
    truth = bursts(1.5)
    found = decoded(encoder(truth, 44100), name="wrong.txt")
    assert found.facts() == {"container": container, "codec": codec, "sample_rate_hz": 44100, "num_channels": 2}
    assert found.audio.rate_hz == 44100
    assert found.audio.samples.dtype == np.float32
    assert found.audio.samples.shape == truth.shape
    assert np.abs(found.audio.samples - truth).max() <= (2**-22 if "24" in format else 2**-15)


@pytest.mark.parametrize("format", LOSSY)
def test_lossy_formats_decode_in_time_and_in_full(format: str) -> None:
    encoder, container, codec = LOSSY[format]
    rate_hz = 48000 if codec == "opus" else 44100
    truth = bursts(3, rate_hz)
    found = decoded(encoder(truth, rate_hz), name="wrong.wav")
    assert found.facts() == {"container": container, "codec": codec, "sample_rate_hz": rate_hz, "num_channels": 2}
    lag = lag_samples(found.audio.samples, truth)
    assert lag == KNOWN_LAG_SAMPLES.get(format, 0)
    assert abs(found.audio.duration_s - 3) < (0.05 if lag else 1e-4)
    overlap = found.audio.samples[0, max(0, lag) :][:100_000]
    assert np.corrcoef(overlap, truth[0, max(0, -lag) :][:100_000])[0, 1] > 0.98


@pytest.mark.parametrize("format", [*LOSSLESS, *LOSSY])
def test_every_format_keeps_pitch_and_level(format: str) -> None:
    encoder, _, codec = (LOSSLESS | LOSSY)[format]
    rate_hz = 48000 if codec == "opus" else 44100
    found = decoded(encoder(sine(2, rate_hz), rate_hz)).audio
    middle = found.samples[0, rate_hz // 2 : rate_hz // 2 + rate_hz] * np.hanning(rate_hz)
    assert int(np.argmax(np.abs(np.fft.rfft(middle)))) == 997
    level = np.sqrt(2 * np.mean(np.square(found.samples[0, rate_hz // 2 : -rate_hz // 2])))
    assert level == pytest.approx(0.475 if codec == "mp3" else 0.5, rel=0.03)  # LAME takes 5 % off, against clipping


def test_an_open_file_decodes_like_its_bytes(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(wav(bursts(0.5)))
    with path.open("rb") as file:
        file.seek(1000)
        found = decode(file, str(path), 10)
    assert np.array_equal(found.audio.samples, decoded(wav(bursts(0.5))).audio.samples)


@pytest.mark.parametrize(("rate_hz", "kept_hz"), [(8000, 8000), (88200, 44100), (176400, 44100), (192000, 48000)])
def test_rates_above_48_khz_come_down_within_their_family(rate_hz: int, kept_hz: int) -> None:
    truth = sine(3, rate_hz, 1)
    found = decoded(wav(truth, rate_hz, "FLOAT"))
    assert (found.sample_rate_hz, found.audio.rate_hz, found.audio.samples.shape) == (
        rate_hz,
        kept_hz,
        (1, 3 * kept_hz),
    )
    whole = truth[0] if rate_hz == kept_hz else soxr.resample(truth[0], rate_hz, kept_hz)
    assert np.abs(found.audio.samples[0] - whole).max() < 1e-5


@given(st.integers(1000, 400_000))
def test_the_kept_rate_is_the_own_or_a_common_one(rate_hz: int) -> None:
    assert output_rate_hz(rate_hz) in {min(rate_hz, 48000), 44100, 48000}
    assert output_rate_hz(rate_hz) <= 48000


@pytest.mark.parametrize("format", ["WAV", "WAVEX", "FLAC", "aac"])
def test_six_channels_fold_down_as_in_bs_775(format: str) -> None:
    pitches_hz = [300, 500, 700, 900, 1100, 1300]  # FL FR FC LFE BL BR
    truth = np.concatenate([sine(1, 48000, 1, pitch_hz, 0.1) for pitch_hz in pitches_hz])
    content = encode(truth, 48000, "ipod", "aac") if format == "aac" else wav(truth, 48000, format=format)
    found = decoded(content)
    assert (found.num_channels, found.audio.samples.shape) == (6, (2, 48000))
    gains = np.stack([amplitude(found.audio.samples, pitch_hz, 48000) for pitch_hz in pitches_hz], axis=1) / 0.1
    expected = [[1, 0, HALF_POWER, 0, HALF_POWER, 0], [0, 1, HALF_POWER, 0, 0, HALF_POWER]]
    # AAC codes the bass channel as low frequencies only and the rest with loss
    assert gains == pytest.approx(np.array(expected), abs=0.03 if format == "aac" else 1e-3)


@given(st.integers(1, 24), st.integers(1, 2), st.lists(st.sampled_from(["FL", "TFL", "NONE", "BC"]), max_size=24))
def test_every_layout_has_a_finite_mix(num_in: int, num_out: int, names: list[str]) -> None:
    matrix = mix_matrix(tuple(names), num_in, num_out)
    if matrix is None:
        assert num_in == num_out
    else:
        assert matrix.shape == (num_out, num_in)
        assert np.all((matrix >= 0) & (matrix <= 1))
        assert matrix.sum() > 0


H = HALF_POWER


@pytest.mark.parametrize(
    ("names", "num_in", "left", "right"),
    [
        ("", 3, [1, 0, H], [0, 1, H]),
        ("", 4, [1, 0, H, 0], [0, 1, 0, H]),
        ("", 5, [1, 0, H, H, 0], [0, 1, H, 0, H]),
        ("", 6, [1, 0, H, 0, H, 0], [0, 1, H, 0, 0, H]),
        ("", 7, [1, 0, H, 0, 0.5, H, 0], [0, 1, H, 0, 0.5, 0, H]),
        ("", 8, [1, 0, H, 0, H, 0, H, 0], [0, 1, H, 0, 0, H, 0, H]),
        ("FC LFE BR BL FR FL", 6, [H, 0, 0, H, 0, 1], [H, 0, H, 0, 1, 0]),
        ("FLC FRC DL DR", 4, [1, 0, 1, 0], [0, 1, 0, 1]),
        ("FL FR", 3, [1, 0, H], [0, 1, H]),
        ("NONE NONE NONE", 3, [1, 0, H], [0, 1, H]),
    ],
)
def test_every_loudspeaker_goes_to_its_side(names: str, num_in: int, left: list[float], right: list[float]) -> None:
    assert mix_matrix(tuple(names.split()), num_in, 2) == pytest.approx(np.array([left, right]))
    assert mix_matrix(tuple(names.split()), num_in, 1) == pytest.approx(np.mean([[left], [right]], axis=0))


@pytest.mark.parametrize(
    ("rate_hz", "kept_hz"), [(47_999, 47_999), (48_000, 48_000), (48_001, 48_000), (55_125, 44_100), (96_000, 48_000)]
)
def test_a_rate_is_kept_or_that_of_its_family(rate_hz: int, kept_hz: int) -> None:
    assert output_rate_hz(rate_hz) == kept_hz


@pytest.mark.parametrize(("rate_hz", "is_audio"), [(999, False), (1000, True), (999_999, True), (1_000_000, False)])
def test_rates_that_no_audio_has_are_refused(rate_hz: int, is_audio: bool) -> None:
    block = Block(np.zeros((1, 10), np.float32), rate_hz)
    if is_audio:
        Mixdown(1).add(block)
        return
    with pytest.raises(Refused) as refused:
        Mixdown(1).add(block)
    assert refused.value.reason is Reason.DECODE


def test_the_limit_itself_is_not_too_long() -> None:
    mixdown = Mixdown(2)
    mixdown.add_all([Block(np.zeros((1, 8000), np.float32), 8000)] * 2)
    with pytest.raises(Refused, match="limit of 2 s"):
        mixdown.add(Block(np.zeros((1, 1), np.float32), 8000))


def test_chunks_of_the_tape_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode_mixdown, "_CHUNK_BYTES", 800)  # 100 samples of two channels
    samples = np.random.default_rng(0).uniform(-1, 1, (2, 1234)).astype(np.float32)
    mixdown = Mixdown(10)
    edges = [0, 1, 30, 130, 200, 550, 1234]
    mixdown.add_all(Block(samples[:, first:stop], 44100) for first, stop in pairwise(edges))
    audio = mixdown.finish()
    assert audio is not None
    assert np.array_equal(audio.samples, samples)


def test_values_that_are_none_are_counted_over_all_blocks() -> None:
    mixdown = Mixdown(10)
    mixdown.add_all([Block(np.array([[0.5, np.nan, -0.5]], np.float32), 44100)] * 2)
    audio = mixdown.finish()
    assert audio is not None
    assert (mixdown.num_nonfinite, audio.samples.tolist()) == (2, [[0.5, 0, -0.5] * 2])


def test_unknown_layouts_go_to_both_sides_alike() -> None:
    assert mix_matrix((), 12, 2) == pytest.approx(np.full((2, 12), 1 / 12))
    assert mix_matrix(("FL", "FR", "TFL"), 3, 2) == pytest.approx(np.full((2, 3), 1 / 3))
    assert mix_matrix(("FL",), 1, 2) == pytest.approx(np.ones((2, 1)))


def test_float_files_lose_nan_and_infinity_and_keep_what_is_above_full_scale() -> None:
    truth = sine(0.2)
    truth[0, 100], truth[1, 5:8], truth[0, 9], truth[1, 300] = np.nan, -np.inf, 1e30, -2
    found = decoded(wav(truth, subtype="FLOAT"))
    assert found.num_nonfinite == 4
    assert np.all(found.audio.samples[[0, 1, 1, 1], [100, 5, 6, 7]] == 0)
    assert found.audio.samples[0, 9] == MAX_MAGNITUDE
    assert found.audio.samples[1, 300] == -2
    untouched = np.abs(truth) <= 0.5
    assert np.array_equal(found.audio.samples[untouched], truth[untouched])


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_32", "DOUBLE", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM", "GSM610"])
def test_other_sample_formats_in_wav(subtype: str) -> None:
    truth = sine(1, 8000, 1, 440)
    found = decoded(wav(truth, 8000, subtype)).audio
    assert amplitude(found.samples, 440, 8000) == pytest.approx([0.5], rel=0.05)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_other_sample_formats_of_many_channels(subtype: str) -> None:
    truth = np.concatenate([bursts(0.5, 8000, 1), np.zeros((3, 4000), np.float32)])
    found = decoded(wav(truth, 8000, subtype)).audio.samples
    assert np.abs(found - truth[:2]).max() < (0.01 if subtype == "PCM_U8" else 2**-14)


@pytest.mark.parametrize(("container", "codec"), [("mp3", "libmp3lame"), ("adts", "aac")])
def test_a_rate_that_changes_midway_is_resampled_to_the_first(container: str, codec: str) -> None:
    parts = [encode(sine(2, rate_hz), rate_hz, container, codec, **NO_HEADERS[container]) for rate_hz in (44100, 48000)]
    found = decoded(b"".join(parts))
    assert (found.sample_rate_hz, found.audio.rate_hz) == (44100, 44100)
    assert found.audio.duration_s == pytest.approx(4, abs=0.1)
    for start_s in (0.5, 2.7):
        start = round(start_s * 44100)
        spectrum = np.abs(np.fft.rfft(found.audio.samples[0, start : start + 44100] * np.hanning(44100)))
        assert int(spectrum.argmax()) == 997


NO_HEADERS = {"mp3": {"write_xing": "0", "id3v2_version": "0"}, "adts": {}}


def test_a_channel_count_that_changes_midway_is_mixed_to_the_first() -> None:
    mono, stereo = (encode(sine(1, num_channels=n), 44100, "mp3", "libmp3lame", **NO_HEADERS["mp3"]) for n in (1, 2))
    assert decoded(mono + stereo).audio.samples.shape[0] == 1
    found = decoded(stereo + mono).audio.samples
    assert np.sqrt(2 * np.mean(np.square(found[:, -30000:-10000]), axis=1)) == pytest.approx([0.5, 0.5], rel=0.05)


def test_chained_ogg_of_one_rate_plays_through_and_of_two_is_refused() -> None:
    link = wav(sine(1.5), format="OGG")
    assert decoded(link + link).audio.duration_s == pytest.approx(3, abs=0.02)
    with pytest.raises(Refused) as refused:
        decoded(link + wav(sine(1, 22050), 22050, format="OGG"))
    assert refused.value.reason is Reason.DECODE


@given(st.lists(st.tuples(st.sampled_from([8000, 44100, 96000]), st.integers(1, 3), st.integers(0, 3000)), max_size=6))
def test_blocks_of_any_form_add_up(forms: list[tuple[int, int, int]]) -> None:
    mixdown = Mixdown(1800)
    mixdown.add_all(Block(np.full((channels, n), 0.1, np.float32), rate_hz) for rate_hz, channels, n in forms)
    audio = mixdown.finish()
    sounding = [form for form in forms if form[2]]
    if not sounding:
        assert audio is None
        return
    assert audio is not None
    first_rate_hz, first_channels, _ = sounding[0]
    assert (audio.rate_hz, audio.samples.shape[0]) == (output_rate_hz(first_rate_hz), min(first_channels, 2))
    expected = sum(n / rate_hz for rate_hz, _, n in sounding)
    assert audio.samples.shape[1] == pytest.approx(expected * audio.rate_hz, abs=len(sounding))


@pytest.mark.parametrize("samples", [sine(0.05), np.zeros((2, 44100)), np.full((2, 44100), 0.25)])
@pytest.mark.parametrize("format", ["wav", "flac", "mp3", "ogg", "opus", "m4a", "wma"])
def test_short_silent_and_constant_sounds(samples: Samples, format: str) -> None:
    found = decoded((LOSSLESS | LOSSY)[format][0](samples.astype(np.float32), 48000)).audio
    # in Ogg, the end of a Vorbis file of one page is uncertain, and WMA loses a frame of 2048
    unsure_samples = {"ogg": 1024, "wma": 2048, "m4a": 48}.get(format, 0)
    assert abs(found.samples.shape[1] - samples.shape[1]) <= unsure_samples
    if format in LOSSLESS:
        assert np.abs(found.samples - samples).max() <= 2**-15
    if not samples.any():
        assert np.abs(found.samples).max() < 1e-4
    assert np.isfinite(found.samples).all()


@pytest.mark.parametrize("format", ["wav", "flac", "aiff"])
def test_a_single_sample_is_a_sound(format: str) -> None:
    assert decoded(LOSSLESS[format][0](np.full((2, 1), 0.5, np.float32), 44100)).audio.samples.tolist() == [
        [0.5],
        [0.5],
    ]


@pytest.mark.parametrize("container", ["mp4", "matroska"])
@pytest.mark.parametrize("default", [0, 1])
def test_the_default_soundtrack_is_taken(container: str, default: int) -> None:
    tracks = [sine(1, frequency_hz=500), sine(1, frequency_hz=1000)]
    found = decoded(film(container, tracks, default)).audio
    levels = [abs(amplitude(found.samples, f, 44100)[0]) for f in (500, 1000)]
    assert int(np.argmax(levels)) == default


@pytest.mark.parametrize("container", ["mp4", "matroska", "avi", "mpegts"])
def test_a_film_with_one_soundtrack(container: str) -> None:
    found = decoded(film(container, [sine(1.5)]))
    assert found.codec == "aac"
    assert found.audio.duration_s == pytest.approx(1.5, abs=0.06)


def test_a_cover_picture_is_no_film() -> None:
    file = io.BytesIO(LOSSY["mp3"][0](sine(1), 44100))
    plain = decoded(file.getvalue())
    tagged = mutagen.mp3.MP3(file)
    picture = b"\x89PNG\r\n\x1a\n" + bytes(5000)
    tagged.tags.add(mutagen.id3.APIC(encoding=3, mime="image/png", type=3, desc="", data=picture))
    tagged.save(file)
    found = decoded(file.getvalue())
    assert found.facts() == plain.facts()
    assert np.array_equal(found.audio.samples, plain.audio.samples)


def sparse_wav(path: Path, duration_s: int, num_channels: int = 2) -> None:
    """A WAV of digital silence that takes no room on disk."""
    num_bytes = duration_s * 44100 * 2 * num_channels
    head = bytearray(wav(np.zeros((num_channels, 0), np.float32)))
    head[4:8] = (len(head) - 8 + num_bytes).to_bytes(4, "little")
    head[-4:] = num_bytes.to_bytes(4, "little")
    with path.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + num_bytes)


def long_mp3(duration_s: int) -> bytes:
    """An mp3 without any header that tells its length: the same second again and again."""
    second = encode(np.zeros((1, 8000), np.float32), 8000, "mp3", "libmp3lame", **NO_HEADERS["mp3"])
    return second * duration_s


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3"])
def test_three_hours_are_refused_without_being_held_in_memory(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "long"
    if kind == "wav":
        sparse_wav(path, 3 * 3600)
    elif kind == "flac":
        path.write_bytes(wav(np.zeros((1, 3 * 3600 * 1000), np.float32), 1000, format="FLAC"))
    else:
        path.write_bytes(long_mp3(3 * 3600 // 10))
    limit_s = 1800 if kind != "mp3" else 180
    tracemalloc.start()
    with path.open("rb") as file, pytest.raises(Refused, match="limit") as refused:
        decode(file, "long", limit_s)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.value.reason is Reason.TOO_LONG
    assert peak_bytes < 5e6


def test_a_length_that_libav_overestimates_is_counted() -> None:
    quiet = encode(np.zeros((1, 80_000), np.float32), 8000, "mp3", "libmp3lame", 8000, **NO_HEADERS["mp3"])
    loud = encode(sine(10, 8000, 1), 8000, "mp3", "libmp3lame", **NO_HEADERS["mp3"])
    for _ in range(3):  # every time anew: libav's warning of its guess is not to be missed
        assert decoded(quiet + loud, 30).audio.duration_s == pytest.approx(20, abs=0.5)
        with pytest.raises(Refused, match="has 15 s"):
            decoded(quiet + loud, 15)


def test_an_undeclared_length_is_refused_as_soon_as_it_is_over() -> None:
    blocks = (Block(np.zeros((2, 44100), np.float32), 44100) for _ in iter(int, 1))  # without end
    with pytest.raises(Refused) as refused:
        Mixdown(5).add_all(blocks)
    assert refused.value.reason is Reason.TOO_LONG


def test_decoding_holds_little_more_than_the_result(tmp_path: Path) -> None:
    sparse_wav(tmp_path / "quarter", 15 * 60)
    code = (
        "import re; from pathlib import Path; from pipeline.decode import decode\n"
        "peak = lambda: int(re.search(r'VmHWM:\\s+(\\d+) kB', Path('/proc/self/status').read_text())[1]) * 1024\n"
        "before = peak()\n"
        f"audio = decode(open({str(tmp_path / 'quarter')!r}, 'rb'), 'quarter', 1800).audio\n"
        "print((peak() - before) / audio.samples.nbytes, audio.samples.nbytes)"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    ratio, num_bytes = done.stdout.split()
    assert int(num_bytes) == 15 * 60 * 44100 * 2 * 4
    assert 1 <= float(ratio) < 1.3
