"""The fragments that ship with muze."""

from featurizers.registry import FEATURIZERS, featurizer_class
from schemas.fragment import Fragment
from schemas.fragments.tracks import TRACKS


def known_fragments() -> dict[str, Fragment]:
    """Name -> fragment: ``tracks`` first, then those of the registry in its order. Imports no model library."""
    found = [TRACKS, *(featurizer_class(location).writes for location in FEATURIZERS.values())]
    return {fragment.name: fragment for fragment in found}
