"""Every training there is, by name."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib import import_module

from training.config import Preset, changed
from training.errors import SettingError

MODULES = ("training.vae_presets", "training.ldm_presets", "training.codec_lm_presets")


def all_presets() -> dict[str, Callable[[], Preset]]:
    """Name -> what makes the preset."""
    return {name: make for module in MODULES for name, make in import_module(module).PRESETS.items()}


def preset_of(name: str, assignments: Sequence[str] = ()) -> Preset:
    """Return a named preset with ``section.name=value`` applied. SettingError if there is no such name or setting."""
    presets = all_presets()
    if name not in presets:
        near = get_close_matches(name, presets, n=1)
        hint = f", the nearest is {near[0]!r}" if near else ""
        raise SettingError(f"there is no training {name!r}{hint}: expected one of {', '.join(presets)}")
    return changed(presets[name](), assignments)
