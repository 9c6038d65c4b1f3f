"""Every weight that can be loaded, by name: its revision, and whether its files are what they should be."""

import hashlib
from importlib import metadata
from pathlib import Path

from featurizers.hub_weights import HUB_WEIGHTS
from featurizers.packaged_weights import PACKAGED_WEIGHTS
from featurizers.trained_weights import PREFIX, remedy, trained_weight
from featurizers.weight import Package, Weight, WeightFile
from featurizers.weights_store import WeightsError, file_problem, store

WEIGHTS: dict[str, Weight] = {weight.name: weight for weight in (*PACKAGED_WEIGHTS, *HUB_WEIGHTS)}
"""Those of the tables; a store may have others, which were trained."""


def weight_of(name: str) -> Weight:
    """Return a weight of the tables, or one that was trained or may yet be. KeyError if none can have that name."""
    if name.startswith(PREFIX) and name not in WEIGHTS:
        return trained_weight(name, store().locked().get(name))
    return WEIGHTS[name]


def known_weights() -> dict[str, Weight]:
    """Every weight of the tables, and the trained ones in the store of this process."""
    return WEIGHTS | {name: weight_of(name) for name in sorted(store().locked()) if name.startswith(PREFIX)}


def revision(name: str) -> str:
    """Return 12 hex digits that change when any file of the weight does. Reads no weight file.

    Raises KeyError if no weight has that name, WeightsError if it has to be pulled and the store does not have it.
    """
    checksums = "".join(_checksums(weight_of(name)))
    return hashlib.sha256(checksums.encode()).hexdigest()[:12]


def _checksums(weight: Weight) -> list[str]:
    if weight.packaged:
        return [file.sha256 or "" for file in weight.files]
    entry = store().locked().get(weight.name)
    if entry is None:
        raise WeightsError(f"weight {weight.name} is not in the store: {remedy(weight.name)}")
    return [entry["files"][path]["sha256"] for path in sorted(entry["files"])]


def model_id(*names: str) -> str:
    """Return ``name@revision`` of each weight, joined by spaces: what a fragment's model column says."""
    return " ".join(f"{name}@{revision(name)}" for name in names)


def is_there(name: str) -> bool:
    """Whether a weight ships inside a package or is in the store. KeyError if no weight can have that name."""
    return weight_of(name).packaged or name in store().locked()


def verify(name: str) -> list[str]:
    """Return what is wrong with the files of a weight, one sentence each; empty if nothing is.

    A package is found through its metadata and not imported. Raises KeyError if no weight has that name.
    """
    weight = weight_of(name)
    return _verify_packaged(weight.origin, weight) if isinstance(weight.origin, Package) else store().problems(name)


def _verify_packaged(origin: Package, weight: Weight) -> list[str]:
    try:
        package = metadata.distribution(origin.name)
    except metadata.PackageNotFoundError:
        return [f"{origin.name} {origin.version} is not installed"]
    problems = [_problem(Path(str(package.locate_file(file.path))), file) for file in weight.files]
    if package.version != origin.version:
        problems.insert(0, f"{origin.name} is {package.version} instead of {origin.version}")
    return [problem for problem in problems if problem]


def _problem(path: Path, file: WeightFile) -> str | None:
    return file_problem(path, file.path, {"size_bytes": file.size_bytes, "sha256": file.sha256})
