"""Batches for models on GPUs: as large as memory allows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
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
        return list(self.stream(model, items))

    def stream(self, model: Callable[[Sequence[Item]], Iterable[Result]], items: Sequence[Item]) -> Iterator[Result]:
        """Yield the results in order, a batch at a time in memory. Raises MemoryError if not even one item fits."""
        import torch

        done = 0
        while done < len(items):
            batch = items[done : done + self.size]
            try:
                results = model(batch)
            except torch.OutOfMemoryError as error:
                if len(batch) == 1:
                    raise MemoryError("one item of a batch does not fit into GPU memory") from error
                self.size = len(batch) // 2
                torch.cuda.empty_cache()
                continue
            yield from results
            done += len(batch)
