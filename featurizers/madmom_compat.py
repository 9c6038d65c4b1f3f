"""Lets madmom 0.16.1 (2018) import and run on the Python and numpy of today."""

import collections
import collections.abc
import importlib.metadata
import sys
import threading
import types
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

_LOST_BY_NUMPY = {"float": float, "int": int}
_LOST_BY_COLLECTIONS = {"MutableSequence": collections.abc.MutableSequence}
_LOCK = threading.RLock()


@contextmanager
def madmom_names() -> Iterator[None]:
    """Restore, inside the ``with`` block, the names that madmom uses and that its surroundings have dropped.

    Import madmom, construct its objects and read its model files inside the block. The names are
    process-wide while it lasts and gone after it, so that no other library takes this numpy for an
    old one. Warnings are silenced meanwhile: madmom's syntax and imports raise dozens.
    """
    with _LOCK, warnings.catch_warnings(), ExitStack() as undo:
        warnings.simplefilter("ignore")
        _lend(undo, vars(np), _LOST_BY_NUMPY)
        _lend(undo, vars(collections), _LOST_BY_COLLECTIONS)
        _lend(undo, sys.modules, {"pkg_resources": _pkg_resources()})
        yield


def _lend(undo: ExitStack, names: dict[str, Any], lost: dict[str, Any]) -> None:
    """Add what is missing to a namespace, to be taken out again when ``undo`` unwinds."""
    for name, value in lost.items():
        if name not in names:
            names[name] = value
            undo.callback(names.pop, name)


def _pkg_resources() -> types.ModuleType:
    """What madmom asks of pkg_resources, which setuptools 82 dropped: its own version."""
    module = types.ModuleType("pkg_resources")
    module.get_distribution = importlib.metadata.distribution  # type: ignore[attr-defined]
    return module
