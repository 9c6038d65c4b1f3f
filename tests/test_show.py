"""show: which track is meant, what is written, and what it says and sounds like; the page in a browser is elsewhere."""

import base64
import re
import warnings
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from browser import num_colours, pixels
from drawn_songs import draw_song
from fakes import Fake, fingerprint, track, track_id
from featurizers.audio import Audio
from featurizers.key_profiles import KEYS
from harness import write_recipe, write_tones
from inline import inline_build, without_ray
from jobs.demo.songs import short_song
from jobs.main import main
from jobs.pictures.track_chords import short_chord
from jobs.pictures.track_png import WIDTH_PX
from jobs.pictures.track_spectrum import hz_of_mel, mel_of_hz, spectrogram, waveform
from pipeline.decode import decode
from pipeline.track_names import tracks_named
from schemas.pitch_classes import PITCH_CLASSES

SONG = short_song(0)


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    return draw_song(tmp_path_factory.mktemp("song"), SONG)


def file_of(fake: Fake) -> Path:
    [row] = fake.dataset.system_rows("files").to_pylist()
    return Path(row["uri"])


def id_of(fake: Fake) -> str:
    [row] = fake.dataset.table("tracks").to_pylist()
    return str(row["track_id"])


def show(fake: Fake, out: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Run the command and return what it says on stderr."""
    assert main(["show", fake.location, id_of(fake), "--out", str(out)]) == 0
    said = capsys.readouterr()
    assert said.out == f"{out}\n"
    return said.err


def text_of(page: Path) -> str:
    """The page without its sound, which is long."""
    return re.sub(r"base64,[A-Za-z0-9+/=]+", "base64,", page.read_text())


@pytest.mark.parametrize("kind", ["id", "prefix", "path", "url", "file name", "file name without its ending"])
def test_a_track_goes_by_its_id_or_its_file(kind: str, song: Fake) -> None:
    path = file_of(song)
    names = {
        "id": id_of(song),
        "prefix": id_of(song)[:4],
        "path": str(path),
        "url": path.as_uri(),
        "file name": path.name,
        "file name without its ending": path.stem,
    }
    assert tracks_named(song.dataset, names[kind]) == [id_of(song)]


BAD = {
    "no such track": (["nothing.wav"], "no track is called 'nothing.wav': expected a track_id"),
    "too short": (["000"], "no track is called '000'"),
    "ambiguous": (["0000"], "'0000' may be 3 tracks"),
    "two files": (["same.wav"], "'same.wav' may be 2 tracks"),
    "two files without their ending": (["same"], "'same' may be 2 tracks"),
    "a part of a name": (["ame"], "no track is called 'ame'"),
    "the ending alone": ([".wav"], "no track is called '.wav'"),
    "suffix": ([track_id(1), "--out", "{tmp}/a.pdf"], "expected a name that ends in .html or .png"),
    "folder": ([track_id(1), "--out", "{tmp}/folder.png"], "is a folder"),
    "no such folder": ([track_id(1), "--out", "{tmp}/none/a.png"], "cannot write --out"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_get_one_sentence(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake = Fake(tmp_path / "dataset")
    fake.run({"tracks": fingerprint("tracks")})
    fake.rows("tracks", [track(n) for n in range(3)], fingerprint("tracks"))
    for number in range(2):
        fake.file(f"/music/{number}/same.wav", track_id(number), missing=True)
    (tmp_path / "folder.png").mkdir()
    words, sentence = BAD[case]
    assert main(["show", fake.location, *(word.format(tmp=tmp_path) for word in words)]) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert said.err.strip().splitlines()[-1].startswith("muze show: ")
    assert not list(tmp_path.glob(".muze-show-*")), "nothing half written stays"


def test_the_page_is_called_by_the_title_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = draw_song(tmp_path / "song", SONG, only=("tracks",), title="../../AC/DC: <b>\n")
    monkeypatch.chdir(tmp_path)
    assert main(["show", fake.location, id_of(fake)]) == 0
    assert capsys.readouterr().out == "AC-DC- -b.html\n"
    assert (tmp_path / "AC-DC- -b.html").stat().st_size > 10_000


@pytest.mark.parametrize("title", ["Plain", "A$AP $x^2$ \\frac{", "夜の渡し船"])
def test_a_png_is_drawn_whatever_the_title(title: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake = draw_song(tmp_path / "song", SONG, title=title, words=[title])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        show(fake, tmp_path / "page.png", capsys)
    image = pixels(tmp_path / "page.png")
    assert image.shape[1] == WIDTH_PX
    assert 900 < image.shape[0] < 1500
    assert num_colours(image) > 100
    assert num_colours(image[:120, :600]) > 10, "the title is written"


def test_long_tags_stay_within_the_png(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = "Endless\n" * 100
    fake = draw_song(tmp_path / "song", SONG, only=("tracks", "level"), title=long, artist=long, genre_tag=long)
    show(fake, tmp_path / "page.png", capsys)
    image = pixels(tmp_path / "page.png")
    assert num_colours(image[:, -30:]) == 1, "nothing runs over the right edge"
    assert num_colours(image[20:75, -250:]) > 10, "as much of the title as there is room for"


def test_the_page_holds_everything_and_asks_for_nothing(
    song: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(song, tmp_path / "page.html", capsys) == ""
    text = text_of(tmp_path / "page.html")
    assert not re.findall(r"https?://|@import|url\(", text)
    assert str(file_of(song).parent) not in text, "folders of the owner's machine stay his own business"
    for fact in ("C major", "120.0 bpm", "4/4", "88 % sure", "−18.0 LUFS", "0:09", "I-V-vi-IV"):  # noqa: RUF001
        assert fact in text


def test_the_sound_in_the_page_is_that_of_the_file(
    song: Fake, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    show(song, tmp_path / "page.html", capsys)
    [encoded] = re.findall(r"data:audio/webm;base64,([A-Za-z0-9+/=]+)", (tmp_path / "page.html").read_text())
    copy = decode(BytesIO(base64.b64decode(encoded)), "copy", 60).audio
    with file_of(song).open("rb") as file:
        original = decode(file, "original", 60).audio
    assert copy.duration_s == pytest.approx(original.duration_s, abs=0.03)
    assert copy.rate_hz == 48_000
    assert lag_s(original, copy) == pytest.approx(0, abs=0.002), "the cursor would run off"


def lag_s(one: Audio, other: Audio) -> float:
    """How much later the other is, by the peak of the correlation of their onsets."""
    envelopes = [np.abs(waveform_at(audio, 1000)) for audio in (one, other)]
    size = min(map(len, envelopes))
    rises = [np.diff(envelope[:size]) - np.diff(envelope[:size]).mean() for envelope in envelopes]
    correlation = np.fft.irfft(np.conj(np.fft.rfft(rises[0], 2 * size)) * np.fft.rfft(rises[1], 2 * size))
    lag = int(np.argmax(correlation))
    return (lag if lag < size else lag - 2 * size) / 1000


def waveform_at(audio: Audio, rate_hz: int) -> np.ndarray:
    """Root mean square a thousandth of a second."""
    starts = np.arange(0, audio.samples.shape[1], audio.rate_hz / rate_hz).astype(int)
    return np.sqrt(np.add.reduceat(np.square(audio.samples.mean(axis=0)), starts))


def test_without_the_file_the_rest_is_drawn_and_the_reason_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = draw_song(tmp_path / "song", SONG)
    file_of(fake).unlink()
    said = show(fake, tmp_path / "page.html", capsys)
    assert "without sound: " in said
    assert "the file was not there" in said
    text = text_of(tmp_path / "page.html")
    assert "Without sound" in text
    assert "<audio" not in text
    assert text.count("the file was not there when it was to be read") == 3, "the page, the waveform, the spectrogram"
    assert "the file was not there" in show(fake, tmp_path / "page.png", capsys)


def test_a_file_with_other_content_is_not_passed_off_as_the_track(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake = draw_song(tmp_path / "song", SONG, only=("tracks", "rhythm"))
    write_tones(tmp_path, 1)
    file_of(fake).write_bytes((tmp_path / "00000.wav").read_bytes())
    assert "has other content now" in show(fake, tmp_path / "page.html", capsys)


def test_what_is_not_there_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake = draw_song(tmp_path / "song", SONG, only=("tracks", "harmony"))
    prints = {name: fingerprint(name) for name in ("tracks", "harmony", "rhythm", "pitch")}
    fake.run(prints)
    fake.failure(id_of(fake), str(file_of(fake)), "rhythm", prints["rhythm"], "timeout")
    show(fake, tmp_path / "page.html", capsys)
    text = text_of(tmp_path / "page.html")
    assert "failed: timeout: no luck with rhythm" in text
    assert "not computed for this track yet" in text
    assert "this dataset has no fragment structure" in text
    show(fake, tmp_path / "page.png", capsys)
    assert pixels(tmp_path / "page.png").shape[0] < 1000, "absent lanes are low"


def test_rows_that_hold_nothing_are_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fake = draw_song(tmp_path / "song", SONG, only=("tracks",), duration_s=None, title=None, artist=None)
    names = ("tracks", "harmony", "rhythm", "pitch")
    fake.run({name: fingerprint(name) for name in names})
    for name in names[1:]:
        fake.rows(name, [{"track_id": id_of(fake)}], fingerprint(name))
    file_of(fake).unlink()
    show(fake, tmp_path / "page.html", capsys)
    show(fake, tmp_path / "page.png", capsys)
    text = text_of(tmp_path / "page.html")
    assert f"<h1>{SONG.file_name}</h1>" in text
    for reason in ("no chord was found", "no pulse was found", "nothing is voiced"):
        assert reason in text


def test_a_dataset_of_fragments_that_nobody_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    without_ray(monkeypatch)
    music = write_tones(tmp_path / "music", 1, duration_s=0.05)
    inline_build(music, tmp_path / "out", write_recipe(tmp_path))
    capsys.readouterr()
    for suffix in (".html", ".png"):
        assert main(["show", str(tmp_path / "out"), "00000.wav", "--out", str(tmp_path / f"page{suffix}")]) == 0
    assert capsys.readouterr().err == ""
    assert "this dataset has no fragment rhythm" in text_of(tmp_path / "page.html")


@pytest.mark.parametrize(
    ("label", "short"),
    [
        ("C:maj", "C"),
        ("F#:min", "F♯m"),
        ("Bb:7", "B♭7"),
        ("A:min7/b3", "Am7/♭3"),
        ("B:hdim7", "Bø7"),
        ("D", "D"),
        ("G:sus4(b7)", "Gsus4(♭7)"),
        ("N", ""),
        ("<b>", "<b>"),
    ],
)
def test_chords_are_written_as_musicians_do(label: str, short: str) -> None:
    assert short_chord(label) == short


@pytest.mark.parametrize(
    ("label", "key", "short"),
    [
        ("G#:maj", "C minor", "A♭"),
        ("F#:maj", "F minor", "G♭"),  # the Neapolitan
        ("F#:dim7", "G minor", "F♯°7"),  # leads to the tonic
        ("C#:hdim7", "C major", "C♯ø7"),  # leads to the second degree
        ("C#:maj", "C major", "D♭"),
        ("F#:min", "C major", "F♯m"),
        ("A#:maj/3", "Bb minor", "B♭/3"),
        ("D#:min", "D# minor", "D♯m"),
        ("F:dim", "F# major", "E♯°"),
        ("D:maj", "Db major", "D"),  # not E with two flats
        ("Bb:maj", "E major", "A♯"),
        ("G#:maj", "nonsense", "G♯"),
    ],
)
def test_chords_are_spelt_in_their_key(label: str, key: str, short: str) -> None:
    assert short_chord(label, key) == short


@pytest.mark.parametrize("key", KEYS)
def test_diatonic_chords_are_spelt_as_music21_does(key: str) -> None:
    from music21.key import Key
    from music21.roman import RomanNumeral

    tonic, mode = key.replace("b", "-").split()
    numerals = "I ii iii IV V vi viio" if mode == "major" else "i iio III iv v VI VII"
    for numeral in numerals.split():
        chord = RomanNumeral(numeral, Key(tonic, mode))
        quality = {"major": "maj", "minor": "min", "diminished": "dim"}[chord.quality]
        name = chord.root().name.replace("-", "♭").replace("#", "♯")
        stored = f"{PITCH_CLASSES[chord.root().pitchClass]}:{quality}"
        assert short_chord(stored, key) == name + {"maj": "", "min": "m", "dim": "°"}[quality]


def tone(frequency_hz: float, rate_hz: int, duration_s: float, start_s: float = 0.0) -> Audio:
    time_s = np.arange(round(duration_s * rate_hz)) / rate_hz
    samples = np.where(time_s >= start_s, 0.5 * np.sin(2 * np.pi * frequency_hz * time_s), 0)
    return Audio(np.stack([samples, samples]).astype(np.float32), rate_hz)


@pytest.mark.parametrize("rate_hz", [8000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize("frequency_hz", [300, 1000, 3000])
def test_a_tone_stands_where_the_scale_says(rate_hz: int, frequency_hz: float) -> None:
    shown = spectrogram(tone(frequency_hz, rate_hz, 2.0, start_s=1.0))
    middle = shown.levels[:, round(1.5 / shown.frame_s)]
    mels = np.linspace(mel_of_hz(shown.lowest_hz), mel_of_hz(shown.highest_hz), len(middle) + 2)[1:-1]
    assert hz_of_mel(mels[np.argmax(middle)]) == pytest.approx(frequency_hz, rel=0.06)
    assert middle.max() == 255
    onset = np.flatnonzero(shown.levels.max(axis=0) > 200)[0] * shown.frame_s
    assert onset == pytest.approx(1.0, abs=0.07)
    assert shown.levels.shape[1] * shown.frame_s == pytest.approx(2.0, abs=0.03)


def test_silence_and_a_blink_are_drawn() -> None:
    for audio in (tone(440, 44_100, 0.001), replace(tone(440, 8000, 1), samples=np.zeros((1, 8000), np.float32))):
        assert spectrogram(audio).levels.shape[0] == 96
        assert waveform(audio).extremes.shape[0] == 2


def test_half_an_hour_is_drawn_from_few_numbers() -> None:
    audio = Audio(np.ones((1, 4000 * 1800), np.float32) * 0.25, 4000)
    audio.samples[0, 4000 * 900] = -1
    shown, wave = spectrogram(audio), waveform(audio)
    assert shown.levels.shape[1] <= 8000
    assert shown.levels.shape[1] * shown.frame_s == pytest.approx(1800, abs=1)
    assert wave.extremes.shape[1] <= 24_000
    assert np.argmin(wave.extremes[0]) * wave.bin_s == pytest.approx(900, abs=wave.bin_s)
    assert wave.peak == 1
