"""Packages that come with an extra, and one sentence where they are not installed."""

from importlib.util import find_spec

from featurizers.featurizer import Extract, Featurizer
from pipeline.errors import BadArgumentError


class NotInstalledError(BadArgumentError):
    """What was asked for needs packages of an extra."""


def require(package: str, extra: str, what: str) -> None:
    """Raise NotInstalledError if a package is not installed that ``what`` needs."""
    if find_spec(package) is None:
        raise _not_installed(package, extra, what)


def load(featurizer: Featurizer, extra: str, what: str) -> Extract:
    """Load a featurizer. Raises NotInstalledError if one of the packages that it imports then is not there."""
    try:
        return featurizer.load()
    except ModuleNotFoundError as error:
        if error.name is None:  # a sentence of our own
            raise NotInstalledError(f"{what}: {error}") from error
        raise _not_installed(error.name.partition(".")[0], extra, what) from error


def _not_installed(package: str, extra: str, what: str) -> NotInstalledError:
    return NotInstalledError(f"{what} needs the package {package}, which is not installed: pip install 'muze[{extra}]'")
