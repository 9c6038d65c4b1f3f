"""What is known of a trained model: where its files come from, their checksums, and what its licence allows."""

from dataclasses import dataclass


@dataclass(frozen=True)
class WeightFile:
    """One file. ``path`` is relative to its origin; size and checksum are None where only the first pull tells them."""

    path: str
    size_bytes: int | None
    sha256: str | None


@dataclass(frozen=True)
class Package:
    """An installed package that ships the files; paths are relative to the folder that packages are installed in."""

    name: str
    version: str


@dataclass(frozen=True)
class Hub:
    """A repository of the Hugging Face hub at a commit."""

    repository: str
    revision: str


@dataclass(frozen=True)
class Download:
    """Files below a web address that never change."""

    address: str
    revision: str = "1"


@dataclass(frozen=True)
class Trained:
    """A training of one's own, which wrote the files into the store; ``revision`` says which, and which checkpoint."""

    revision: str


@dataclass(frozen=True)
class Weight:
    """A trained model."""

    name: str
    origin: Package | Hub | Download | Trained
    files: tuple[WeightFile, ...]
    fragments: tuple[str, ...]
    """Fragments whose featurizers load it, under some setting."""
    source: str
    licence: str
    commercial_use: bool | None
    """None: that is for whoever trained it to know."""
    licence_note: str
    commands: tuple[str, ...] = ()
    """Commands that load it besides those fragments."""

    @property
    def packaged(self) -> bool:
        return isinstance(self.origin, Package)

    @property
    def size_bytes(self) -> int | None:
        """Sum over its files; None if that of any is not known, or which they are."""
        sizes = [file.size_bytes for file in self.files]
        return None if None in sizes or not sizes else sum(size for size in sizes if size is not None)

    @property
    def loaded_by(self) -> tuple[str, ...]:
        """Fragments and commands, for people."""
        return (*self.fragments, *(f"muze {command}" for command in self.commands))
