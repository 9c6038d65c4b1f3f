"""Colours of a track's picture: one tone a kind of thing, light enough for dark text and dark enough for light text.

Colours are given in OKLCH (Ottosson, "A perceptual color space for image processing", 2020), where equal lightness
looks equally light in every hue.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

_FIFTH = 7


@dataclass(frozen=True)
class Tone:
    """A hue in degrees, how colourful it is (0 is grey), and how much more it stands out, in lightness 0-1."""

    hue: float
    chroma: float
    depth: float = 0.0

    def rgb(self, lightness: float) -> tuple[float, float, float]:
        """Red, green and blue, 0-1, on a light background."""
        return rgb_of_oklch(lightness - self.depth, self.chroma, self.hue)


PLAIN = Tone(250, 0.012, -0.03)
NOTHING = Tone(250, 0.004, -0.065)
SECTIONS: Mapping[str, Tone] = MappingProxyType(
    {
        "intro": Tone(230, 0.055),
        "verse": Tone(155, 0.065),
        "chorus": Tone(40, 0.09),
        "bridge": Tone(305, 0.065),
        "solo": Tone(0, 0.07),
        "break": Tone(95, 0.06),
        "outro": Tone(265, 0.05),
        "silence": NOTHING,
    }
)
FUNCTIONS: Mapping[str, Tone] = MappingProxyType(
    {
        "tonic": Tone(155, 0.06),
        "tonic_substitute": Tone(155, 0.035),
        "subdominant": Tone(250, 0.06),
        "dominant": Tone(40, 0.08),
    }
)


def chord_tone(root: int | None, minor: bool) -> Tone:
    """Neighbours on the circle of fifths have neighbouring hues; a minor chord has that of its relative, deeper."""
    if root is None:
        return NOTHING
    major = (root + 3) % 12 if minor else root
    return Tone((major * _FIFTH % 12) * 30 + 85, 0.05, 0.07 if minor else 0.0)


def rgb_of_oklch(lightness: float, chroma: float, hue: float) -> tuple[float, float, float]:
    """Convert to sRGB, 0-1, cut to what a screen can show."""
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        _gamma(4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short),
        _gamma(-1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short),
        _gamma(-0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short),
    )


def _gamma(linear: float) -> float:
    linear = min(1.0, max(0.0, linear))
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
