"""Roman numerals against hand-written readings, music21 and mir_eval."""

from functools import cache
from typing import Any

import mir_eval
import pytest

from featurizers.harte import Chord, parse, read_chords
from featurizers.roman_numerals import Key, read_numerals
from harmonies import NAMES, key, readings, rows, transposed

QUALITIES = [
    "maj",
    "min",
    "dim",
    "aug",
    "maj6",
    "min6",
    "maj7",
    "min7",
    "7",
    "dim7",
    "hdim7",
    "minmaj7",
    "sus2",
    "sus4",
]
EXTENDED = {
    "aug7": {0, 4, 8, 10},
    "6": {0, 4, 7, 9},
    "9": {0, 2, 4, 7, 10},
    "maj9": {0, 2, 4, 7, 11},
    "min9": {0, 2, 3, 7, 10},
    "11": {0, 2, 4, 5, 7, 10},
    "maj11": {0, 2, 4, 5, 7, 11},
    "min11": {0, 2, 3, 5, 7, 10},
    "13": {0, 2, 4, 5, 7, 9, 10},
    "maj13": {0, 2, 4, 5, 7, 9, 11},
    "min13": {0, 2, 3, 5, 7, 9, 10},
    "maj(9)": {0, 2, 4, 7},
    "7(b9,#11)": {0, 1, 4, 6, 7, 10},
}
TRIADS = {
    "major": "I ii iii IV V vi viio",
    "minor": "i iio III iv v VI VII V viio III+",
}
# what music21 calls them -> what we do, where they differ: its 7 is that of the scale, ours a minor seventh
SEVENTHS = {
    "major": {"I7": "Imaj7", "IV7": "IVmaj7"} | {name: name for name in ("ii7", "iii7", "V7", "vi7", "viiø7")},
    "minor": {"III7": "IIImaj7", "VI7": "VImaj7"}
    | {name: name for name in ("i7", "iiø7", "iv7", "v7", "VII7", "V7", "viio7")},
}
# numeral -> the chord that must follow
CHROMATIC = {
    "major": dict.fromkeys(("bII", "bIII", "iv", "v", "bVI", "bVII", "iio", "iiø7", "#ivo"), "")
    | {"V/ii": "ii", "V7/ii": "ii", "V7/iii": "iii", "V7/IV": "IV", "V/V": "V", "V7/V": "V7", "V7/vi": "vi"}
    | {"viio/ii": "ii", "viio7/V": "V", "viiø7/V": "V", "viio7/vi": "vi", "viio/IV": "IV"},
    "minor": dict.fromkeys(("bII", "I", "IV", "ii", "#IV"), "")
    | {"V7/iv": "iv", "V/VII": "VII", "V7/VI": "VI", "V/V": "V", "V7/V": "V7", "V7/v": "v", "viio7/V": "V"},
}


@cache
def key_of_music21(tonic: int, minor: bool) -> Any:
    from music21.key import Key

    name = NAMES[tonic].replace("b", "-")
    return Key(name.lower() if minor else name)


def chord_of_music21(numeral: str, tonic: int, minor: bool) -> Chord:
    from music21.roman import RomanNumeral

    found = RomanNumeral(numeral, key_of_music21(tonic, minor))
    root = found.root().pitchClass
    return Chord(root, frozenset((pitch.pitchClass - root) % 12 for pitch in found.pitches))


def numerals(key_name: str, labels: str) -> str:
    return " ".join(reading.numeral for reading in readings(key_name, labels))


def label_of(chord: Chord) -> str:
    degrees = ["1", "b2", "2", "b3", "3", "4", "b5", "5", "b6", "6", "b7", "7"]
    return f"{NAMES[chord.root]}:({','.join(degrees[interval] for interval in sorted(chord.intervals))})"


@pytest.mark.parametrize("minor", [False, True], ids=["major", "minor"])
def test_diatonic_triads_and_sevenths_are_those_of_music21(minor: bool) -> None:
    mode = "minor" if minor else "major"
    expected = {name: name for name in TRIADS[mode].split()} | SEVENTHS[mode]
    for tonic in range(12):
        for theirs, ours in expected.items():
            chord = chord_of_music21(theirs, tonic, minor)
            (reading,) = read_numerals(read_chords(rows([label_of(chord)])), Key(tonic, minor))
            assert reading.numeral == ours, (theirs, tonic)
            assert reading.is_diatonic
            assert not reading.borrowed
            assert reading.secondary_of is None


@pytest.mark.parametrize("minor", [False, True], ids=["major", "minor"])
def test_chromatic_chords_are_those_of_music21(minor: bool) -> None:
    for tonic in (0, 3, 6, 10):  # transposing has a test of its own
        for numeral, target in CHROMATIC["minor" if minor else "major"].items():
            chords = [chord_of_music21(name, tonic, minor) for name in (numeral, target) if name]
            reading = read_numerals(read_chords(rows([label_of(chord) for chord in chords])), Key(tonic, minor))[0]
            assert reading.numeral == numeral, tonic
            assert not reading.is_diatonic
            assert reading.secondary_of == (numeral.partition("/")[2] or None)


@pytest.mark.parametrize(
    ("key_name", "labels", "expected"),
    [
        # a song may not resolve what it sets up
        ("C major", "D:7 F:maj C:maj E:maj F:maj", "II7 IV I III IV"),
        # extended dominants, and one of the same root in two steps
        ("C major", "E:7 A:7 D:maj D:7 G:sus4 G:7 C:maj", "V7/vi V7/ii V/V V7/V Vsus4 V7 I"),
        # the tonic of a blues, but a dominant of a subdominant without seventh
        ("A major", "A:7 D:7 A:7 D:maj", "I7 IV7 V7/IV IV"),
        # a rest parts a dominant from its target
        ("C major", "D:7 N G:maj", "II7 V"),
        # neither a major seventh nor a diminished triad is of a dominant and its target
        ("C major", "D:maj7 G:maj A:7 D:dim", "IImaj7 V VI7 iio"),
        ("A minor", "A:7 D:min7", "V7/iv iv7"),
        # forms of the minor
        ("A minor", "E:min E:maj G:maj G#:dim Ab:dim7 C:aug F:maj7", "v V VII viio viio7 III+ VImaj7"),
        ("A minor", "A:maj A:min G:dim F#:dim F:dim", "I i bviio #vio vio"),
        # the root of a diminished seventh is what it leads to, whatever the label calls it
        ("C major", "C:dim7 G:maj A:dim7 D:min D:dim7 C:maj", "viio7/V V vio7 ii viio7 I"),
        ("A minor", "D:dim7 A:min B:dim7 E:7 A:dim7 E:maj", "viio7 i viio7 V7 viio7/V V"),
        ("C major", "B:dim7 A:min D:dim7", "viio7/vi vi viio7"),
        # figures
        ("C major", "C:6 C:maj(9) C:maj7 C:9 C:13 C:sus2 C:5 C:aug", "Iadd6 Iadd9 Imaj7 I9 I13 Isus2 I5 I+"),
        ("C major", "G:7(*3,4) G:9(*3,4) C:min7 C:minmaj7 C:min6", "V7sus4 V9sus4 i7 imaj7 iadd6"),
        ("C major", "G:11 G:13(*3) G:7(*3) G:1 B:hdim7", "V11 V13sus4 V7 V viiø7"),
        # the bass is no figure, unless it is no tone of the chord
        ("C major", "C:maj/3 C:maj/5 C:maj/b7 B:dim7/C", "I I I7 viio7"),
    ],
)
def test_written_examples(key_name: str, labels: str, expected: str) -> None:
    assert numerals(key_name, labels) == expected


@pytest.mark.parametrize(
    ("key_name", "labels", "functions"),
    [
        ("C major", "C:maj A:min E:min F:maj D:min G:7 B:dim", "T t t S S D D"),
        ("C major", "F:min Ab:maj Eb:maj Bb:maj Db:maj Db:7 C:min", "S t t D S D T"),
        ("A minor", "A:min C:maj F:maj D:min B:dim E:maj E:min G:maj G#:dim A:maj", "T t t S S D D D D T"),
        ("C major", "C:5 F:sus2 G:sus4 A:5", "T S D t"),
        ("C major", "D:7 G:maj F#:dim E:maj F#:maj B:min E:aug", "- D - - - - -"),
        ("C major", "C:7 F:maj D:7 F:maj Db:min7", "- S - S -"),
    ],
)
def test_functions(key_name: str, labels: str, functions: str) -> None:
    words = {"tonic": "T", "tonic_substitute": "t", "subdominant": "S", "dominant": "D", None: "-"}
    assert " ".join(words[reading.function] for reading in readings(key_name, labels)) == functions


def test_borrowed_chords_are_owned_by_the_parallel_key_alone() -> None:
    def borrowed(key_name: str, labels: str) -> list[str]:
        return [reading.numeral for reading in readings(key_name, labels) if reading.borrowed]

    assert borrowed("C major", "C:maj F:min Ab:maj Bb:maj D:maj F:7 C:maj Db:maj") == ["iv", "bVI", "bVII"]
    assert borrowed("A minor", "A:min D:maj A:min B:min E:7 A:maj Bb:maj") == ["IV", "ii", "I"]
    assert borrowed("A minor", "A:min A:maj D:min D:maj G:maj") == []  # V/iv and V/VII


def test_a_diminished_seventh_on_another_root_keeps_its_bass() -> None:
    assert readings("C major", "D:dim7 C:maj")[0].chord == parse("B:dim7/D")
    assert readings("C major", "D:dim7/b3 C:maj")[0].chord == parse("B:dim7/F")


def test_degrees_are_those_of_the_roots() -> None:
    assert [one.degree for one in readings("C major", "C:maj D:7 G:maj Bb:maj F#:dim D:min")] == [1, 2, 5, 7, 4, 2]
    assert [one.degree for one in readings("A minor", "A:min C:maj G:maj G#:dim F:maj C#:min")] == [1, 3, 7, 7, 6, 3]


def test_times_are_those_of_the_chords_and_equal_neighbours_are_one() -> None:
    found = [reading.row for reading in readings("C major", "C:maj C G:maj N F:maj")]
    assert [(row["start_s"], row["end_s"], row["numeral"]) for row in found] == [
        (0, 4, "I"),
        (4, 6, "V"),
        (8, 10, "IV"),
    ]


@pytest.mark.parametrize("key_name", ["C major", "A minor"])
def test_transposing_changes_nothing(key_name: str) -> None:
    labels = "C:maj A:min7 D:7 G:sus4 F:min B:dim7 E:7 A:min Db:maj7 F#:hdim7 G:9 C:6 Bb:5 Ab:aug"
    tonic, mode = key_name.split()
    for semitones in range(12):
        name = f"{transposed(tonic + ':', semitones)[:-1]} {mode}"
        assert numerals(name, transposed(labels, semitones)) == numerals(key_name, labels)


@pytest.mark.parametrize("quality", QUALITIES)
def test_harte_labels_are_read_as_mir_eval_does(quality: str) -> None:
    for suffix in ("", "/3", "/5", "/b7", "/9"):
        label = f"Ab:{quality}{suffix}"
        root, bitmap, bass = mir_eval.chord.encode(label)
        chord = parse(label)
        assert chord is not None
        assert (chord.root, chord.bass) == (root, bass)
        assert chord.intervals == {i for i in range(12) if bitmap[i]}


@pytest.mark.parametrize(("quality", "intervals"), EXTENDED.items())
def test_extended_chords(quality: str, intervals: set[int]) -> None:
    assert parse(f"F#:{quality}") == Chord(6, frozenset(intervals))


@pytest.mark.parametrize(
    ("label", "triad"),
    [
        ("C:7(*5)", "maj"),
        ("C:maj(b13)", "maj"),
        ("C:aug", "aug"),
        ("C:min(*5)", "min"),
        ("C:min(#11)", "min"),
        ("C:hdim7", "dim"),
        ("C:sus4", "none"),
    ],
)
def test_a_perfect_fifth_or_none_makes_no_altered_triad(label: str, triad: str) -> None:
    chord = parse(label)
    assert chord is not None
    assert chord.triad == triad


def test_a_bass_may_be_a_note() -> None:
    assert parse("B:dim7/C") == Chord(11, frozenset({0, 1, 3, 6, 9}), 1)
    assert parse("Ab/C") == parse("Ab:maj/3")


@pytest.mark.parametrize("label", ["C", "Cb:min", "F##:7", "C:maj(2)", "C:maj7(*5)", "Bb:(1,b3,5)", "C:min(*b3,4)/4"])
def test_other_labels_are_read_as_mir_eval_does(label: str) -> None:
    root, bitmap, bass = mir_eval.chord.encode(label)
    chord = parse(label)
    assert chord == Chord(root, frozenset(i for i in range(12) if bitmap[i]), bass)


@pytest.mark.parametrize(
    "label", ["N", "X", "", " ", "C:", "H:maj", "C:what", "C:maj(what)", "C:maj/", "C/x", "Am", "C:(", "?"]
)
def test_what_is_no_chord(label: str) -> None:
    assert parse(label) is None


def test_chords_are_read_whatever_the_rows_hold() -> None:
    odd: list[Any] = [
        {"start_s": 4.0, "end_s": 6.0, "label": "G:maj", "confidence": None},
        {"start_s": 0.0, "end_s": 2.0, "label": "C:maj", "confidence": 0.5},
        {"start_s": 2.0, "end_s": 2.0, "label": "F:maj", "confidence": 0.5},
        {"start_s": 3.0, "end_s": 2.5, "label": "F:maj", "confidence": 0.5},
        {"start_s": None, "end_s": 2.5, "label": "F:maj", "confidence": 0.5},
        {"start_s": 1.0, "end_s": float("nan"), "label": "F:maj", "confidence": 0.5},
        {"start_s": 2.0, "end_s": 3.0, "label": None, "confidence": 0.5},
        {"start_s": 2.5, "end_s": 4.0, "label": "C:maj", "confidence": 1.0},
        {},
        None,
    ]
    first, second = read_chords(odd)
    assert (first.start_s, first.end_s, first.chord) == (0, 4, parse("C:maj"))
    assert first.confidence == pytest.approx((2 * 0.5 + 1.5 * 1.0) / 3.5)
    assert (second.chord, second.confidence) == (parse("G:maj"), None)
    assert read_chords(None) == read_chords([]) == []


@pytest.mark.parametrize("index", [None, -1, 24, 99])
def test_keys_that_are_none(index: int | None) -> None:
    assert Key.of_index(index) is None


def test_key_indices() -> None:
    assert Key.of_index(0) == key("C major")
    assert Key.of_index(18) == key("F# minor")
