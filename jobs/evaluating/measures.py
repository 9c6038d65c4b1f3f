"""What is said of the sounds that a model made, as plain values; what cannot be said is null, with a reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from featurizers.audio import Audio
from jobs.evaluating.adherence import key_adherence, load_ears, tempo_adherence
from jobs.evaluating.embeddings import Embedding, Vector, has_clap, load_embedding, pack_has_these, text_vectors
from jobs.evaluating.windows import Window, digest, track_vectors
from jobs.extras import NotInstalledError
from training.evaluating.distances import MIN_VECTORS, frechet_distance, kernel_distance
from training.pack import Pack


@dataclass(frozen=True)
class Sounds:
    """Sounds of the same windows: as the model made them, and as they are."""

    pack: Pack
    split: str
    windows: Sequence[Window]
    made: Sequence[Audio]
    reference: Sequence[Audio]
    rendered_through: str
    """What both were decoded by."""


@dataclass(frozen=True)
class Vectors:
    """Embeddings of sounds, None where one is silent."""

    embedding: Embedding
    made: list[Vector | None]
    reference: list[Vector | None]

    @classmethod
    def of(cls, sounds: Sounds, embedding: Embedding) -> "Vectors":
        """Embed every sound."""
        return cls(embedding, *([embedding.embed(each) for each in some] for some in (sounds.made, sounds.reference)))


def distances(sounds: Sounds, vectors: Vectors) -> list[dict[str, Any]]:
    """FAD and KAD from the windows through the same decoder, and for CLAP from what the pack knows of its tracks."""
    model = vectors.embedding.model
    rendered = digest(sounds.pack, sounds.split, sounds.windows, f"{model} {sounds.rendered_through}")
    found = [_distance("rendered windows", rendered, vectors, _known(vectors.reference))]
    return [*found, _distance_from_tracks(sounds, vectors)] if vectors.embedding.name == "clap" else found


def _distance_from_tracks(sounds: Sounds, vectors: Vectors) -> dict[str, Any]:
    """Of recordings that no decoder touched."""
    comparable = pack_has_these(sounds.pack)
    tracks = list(track_vectors(sounds.pack, sounds.split, "clap_audio")) if comparable else []
    sha256 = digest(sounds.pack, sounds.split, (), vectors.embedding.model)
    found = _distance("the pack's embeddings of whole tracks", sha256, vectors, tracks)
    return found if comparable else found | {"why": "the pack has no embeddings by this model"}


def _distance(name: str, sha256: str, vectors: Vectors, reference: list[Vector]) -> dict[str, Any]:
    made = _known(vectors.made)
    facts = {
        "reference": name,
        "reference_sha256": sha256,
        "embedding": vectors.embedding.name,
        "model": vectors.embedding.model,
        "made_vectors": len(made),
        "reference_vectors": len(reference),
    }
    if min(len(made), len(reference)) < MIN_VECTORS:
        why = f"{MIN_VECTORS} vectors of each are needed: the other sounds are silent or too short"
        return facts | {"dimensions": None, "fad": None, "kad": None, "why": why}
    ours, theirs = np.stack(made), np.stack(reference)
    fad, kad = frechet_distance(theirs, ours), kernel_distance(theirs, ours)
    return facts | {"dimensions": ours.shape[1], "fad": fad, "kad": kad, "why": None}


def _known(vectors: Sequence[Vector | None]) -> list[Vector]:
    return [vector for vector in vectors if vector is not None]


def clap_score(sounds: Sounds, vectors: Vectors) -> dict[str, Any]:
    """Mean cosine of what was made and the text that it was made for, and that of the windows themselves."""
    texts = [window.known["prompt"] or None for window in sounds.windows]
    if not has_clap():
        return _no_score("CLAP is not in the weights store: get it with 'muze models pull'")
    if not any(texts):
        return _no_score("none of the windows has a prompt")
    try:
        if vectors.embedding.name != "clap":
            vectors = Vectors.of(sounds, load_embedding("clap"))
        wanted = text_vectors(texts)
    except NotInstalledError as error:
        return _no_score(str(error))
    made, reference = (_mean_cosine(wanted, some) for some in (vectors.made, vectors.reference))
    why = "what was made is silent" if made is None else None
    return {"made": made, "reference": reference, "model": vectors.embedding.model, "why": why}


def _no_score(why: str) -> dict[str, Any]:
    return {"made": None, "reference": None, "model": None, "why": why}


def _mean_cosine(texts: Sequence[Vector | None], sounds: Sequence[Vector | None]) -> float | None:
    """All are of unit length."""
    pairs = zip(texts, sounds, strict=True)
    found = [float(text @ sound) for text, sound in pairs if text is not None and sound is not None]
    return sum(found) / len(found) if found else None


def adherence(sounds: Sounds) -> dict[str, Any]:
    """Tempo and key of what was made against what was asked for; of the windows themselves it says what hearing costs.

    Tempo and key that a window has are those of its whole track.
    """
    found: dict[str, Any] = {name: {"made": None, "reference": None} for name in ("tempo", "key")}
    try:
        hear = load_ears()
    except NotInstalledError as error:
        return found | {"models": None, "why": str(error)}
    tempi = [window.known["tempo_bpm"] for window in sounds.windows]
    keys = [window.known["key_index"] for window in sounds.windows]
    for name, some in (("made", sounds.made), ("reference", sounds.reference)):
        heard = [hear(audio) for audio in some]
        found["tempo"][name] = tempo_adherence(tempi, [each.tempo_bpm for each in heard])
        found["key"][name] = key_adherence(keys, [each.key_index for each in heard])
        found["models"] = heard[0].models
    return found | {"why": None}
