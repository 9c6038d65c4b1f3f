"""Batches for models on GPUs: as large as memory allows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass
class Batches:
    """Runs a model over items in batches. A batch that does not fit into GPU memory is halved, as are later ones."""

    size: int

    def run(self, model: Callable[[Sequence[Item]], Sequence[Result]], items: Sequence[Item]) -> list[Result]:
        """Return ``model``'s result of every item. Raises MemoryError if not even one item fits."""
        import torch

        results: list[Result] = []
        while len(results) < len(items):
            batch = items[len(results) : len(results) + self.size]
            try:
                results += model(batch)
            except torch.OutOfMemoryError as error:
                if len(batch) == 1:
                    raise MemoryError("one item of a batch does not fit into GPU memory") from error
                self.size = len(batch) // 2
                torch.cuda.empty_cache()
        return results
