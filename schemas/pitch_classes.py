"""The twelve pitch classes, C = 0, and how they are spelt."""

PITCH_CLASSES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
"""Names with sharps, as chord labels and packs have them."""

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
"""Pitch classes of the letters."""


def pitch_class(name: str) -> int:
    """Pitch class of a letter with any number of sharps or flats, such as C, F# or Bb. KeyError if it is none."""
    return (STEPS[name[0]] + name.count("#") - name[1:].count("b")) % 12
