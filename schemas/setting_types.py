"""Whether a value that somebody gives to a setting is of the type that the setting declares."""

import types
import typing
from typing import Any, Literal

UNFIT = object()
"""What does not fit becomes this."""
_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "a text", type(None): "null"}


def fitted(value: Any, hint: Any) -> Any:
    """A value of YAML as the type has it, lists as tuples and whole numbers as floats; UNFIT if it is none.

    Types that YAML does not have take what comes.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return value if any(value == each and type(value) is type(each) for each in arguments) else UNFIT
    if origin in (typing.Union, types.UnionType):
        fits = (fitted(value, argument) for argument in arguments)
        return next((fit for fit in fits if fit is not UNFIT), UNFIT)
    if origin is tuple:
        return _fitted_list(value, arguments) if isinstance(value, list | tuple) else UNFIT
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value if type(value) is hint or hint not in _WORDS else UNFIT


def _fitted_list(values: list[Any] | tuple[Any, ...], hints: tuple[Any, ...]) -> Any:
    hints = hints[:1] * len(values) if hints[-1:] == (Ellipsis,) else hints
    if len(hints) != len(values):
        return UNFIT
    items = tuple(fitted(value, hint) for value, hint in zip(values, hints, strict=True))
    return UNFIT if UNFIT in items else items


def in_words(hint: Any) -> str:
    """What is expected of a value of the type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return "one of " + ", ".join(map(str, arguments))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(in_words, arguments))
    if origin is tuple and arguments[-1:] == (Ellipsis,):
        return f"a list of which each is {in_words(arguments[0])}"
    if origin is tuple:
        return f"a list of {', '.join(map(in_words, arguments))}"
    return _WORDS.get(hint, str(hint))
