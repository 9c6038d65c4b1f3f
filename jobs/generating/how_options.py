"""Settings of sampling, by the names that commands have for them."""

from typing import Any

from training.errors import SettingError
from training.generating.how import How

_OPTIONS = {"guidance": "cfg", "top_k": "top-k", "top_p": "top-p"}
"""Settings whose option has another name."""


def how_of(given: dict[str, Any]) -> How:
    """How to sample; settings that are None are left alone. Raises SettingError that names the option."""
    try:
        return How(**{name: value for name, value in given.items() if value is not None})
    except SettingError as error:
        setting, _, what = str(error).partition(" ")
        raise SettingError(f"--{_OPTIONS.get(setting, setting)} {what}") from error
