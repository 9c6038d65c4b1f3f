"""Batches of rows are what reading the rows one by one would give."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from training.batch import Batch
from training.collate import Collator, Pick
from training.conditions import BY_NAME, CONDITIONS, Condition
from training.pack_format import Payload, Statistics, shard_schema

NAMES = tuple(BY_NAME)
FRAMES = 5
WINDOWS = 23


def value(condition: Condition, random: np.random.Generator) -> Any:
    """Something that a window may have; a quarter has nothing."""
    if random.random() < 0.25:
        return None
    count = int(random.integers(0, 40))
    spans = [{"start_s": float(s), "end_s": float(s) + 0.5} for s in range(count)]
    match condition.kind:
        case "number":
            return float(np.float32(random.normal()))
        case "label":
            return random.choice(condition.labels).item() if condition.labels else f"name {count}"
        case "vector":
            return random.normal(size=condition.size).astype(np.float32).tolist()
        case "curve":
            return random.normal(size=FRAMES).astype(np.float32).tolist()
        case "spans":
            return spans
        case "symbols":
            return [{"symbol": str(random.choice(condition.labels or ("ə", "t"))), **span} for span in spans]
        case "text":
            return f"text {count}" if count else ""


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    random = np.random.default_rng(0)
    place = {"window": 0, "start_s": 0.0, "end_s": 0.05}
    return [
        {"track_id": f"track {n}", **place, "mel": random.normal(size=6).astype("<f2").tobytes()}
        | {condition.name: value(condition, random) for condition in CONDITIONS}
        for n in range(WINDOWS)
    ]


@pytest.fixture(scope="module")
def collator() -> Collator:
    payload = Payload("mel", "<f2", (1, 2, 3), 100.0, {})
    return Collator(payload, Statistics(0.5, 2.0), tuple(CONDITIONS), FRAMES)


def batch_of(rows: list[dict[str, Any]], collator: Collator, order: list[int]) -> Batch:
    """A batch of rows in an order, read in two groups, each a slice of a longer table as Parquet may give them."""
    table = pa.Table.from_pylist(rows, shard_schema("mel"))
    groups = [collator.rows(table.slice(0, 9)), collator.rows(table.slice(9))]
    chosen = np.array(order)
    picks = [
        Pick(group, chosen[places] - 9 * number, places)
        for number, group in enumerate(groups)
        if len(places := np.flatnonzero((chosen >= 9) == number))
    ]
    return collator.batch(picks, np.arange(len(order)) + 100)


@pytest.mark.parametrize("order", [list(range(WINDOWS)), [22, 3, 9, 8, 0, 10, 1], [5], [12, 12]])
def test_a_batch_has_what_the_rows_have(rows: list[dict[str, Any]], collator: Collator, order: list[int]) -> None:
    batch = batch_of(rows, collator, order)
    assert batch.positions.tolist() == [100 + n for n in range(len(order))]
    assert batch.track_ids == tuple(f"track {n}" for n in order)
    assert set(batch.present) == set(NAMES)
    for place, number in enumerate(order):
        payload = (np.frombuffer(rows[number]["mel"], "<f2").astype(np.float32) - 0.5) / 2
        assert np.allclose(batch.payload[place].numpy().ravel(), payload, atol=1e-6)
        for condition in CONDITIONS:
            check(batch, place, condition, rows[number][condition.name])


def check(batch: Batch, place: int, condition: Condition, expected: Any) -> None:
    name = condition.name
    assert bool(batch.present[name][place]) == (expected is not None), name
    if condition.kind == "text":
        assert batch.texts[name][place] == (expected or "")
        return
    found = batch.conditions[name][place]
    match condition.kind:
        case "number":
            assert found.item() == (expected or 0)
        case "label":
            assert found.item() == condition.label_id(expected)
        case "vector" | "curve":
            assert found.tolist() == (expected or [0] * len(found))
        case "spans" | "symbols":
            items = expected or []
            spans = batch.conditions.get(f"{name}_s", batch.conditions[name])[place]
            assert spans[: len(items)].tolist() == [[item["start_s"], item["end_s"]] for item in items]
            assert (spans[len(items) :] == -1).all()
            if condition.kind == "symbols":
                ids = [condition.label_id(item["symbol"]) for item in items]
                assert found.tolist() == ids + [0] * (len(found) - len(ids))


def test_lengths_are_few(rows: list[dict[str, Any]], collator: Collator) -> None:
    found = batch_of(rows, collator, list(range(WINDOWS)))
    assert {found.conditions[name].shape[1] % 16 for name in ("beats", "chords", "phonemes_s")} == {0}
    lacking = next(n for n, row in enumerate(rows) if not row["beats"])
    assert batch_of(rows, collator, [lacking]).conditions["beats"].shape == (1, 16, 2)


def test_kinds_of_tensors(rows: list[dict[str, Any]], collator: Collator) -> None:
    batch = batch_of(rows, collator, [0, 1, 2])
    assert batch.payload.dtype == torch.float32
    for condition in CONDITIONS:
        if condition.kind != "text":
            is_id = condition.kind in ("label", "symbols")
            assert batch.conditions[condition.name].dtype == (torch.int64 if is_id else torch.float32)
        assert batch.present[condition.name].dtype == torch.bool


def test_a_name_that_no_table_has_is_not_present(rows: list[dict[str, Any]], collator: Collator) -> None:
    batch = batch_of([row | {"time_signature": "11/8"} for row in rows], collator, [0, 1])
    assert batch.conditions["time_signature"].tolist() == [0, 0]
    assert not batch.present["time_signature"].any()


def test_a_window_of_another_size_is_refused(rows: list[dict[str, Any]], collator: Collator) -> None:
    with pytest.raises(ValueError, match="not all of 12 bytes"):
        batch_of([*rows[:3], rows[3] | {"mel": b"12"}, *rows[4:]], collator, [0])


def test_tokens_stay_numbers() -> None:
    tokens = Collator(Payload("tokens", "<u2", (2, 2), 50.0, {}), None, (), 0)
    row = {"track_id": "t", "tokens": np.array([[1, 65535], [3, 4]], "<u2").tobytes()}
    table = pa.Table.from_pylist([row, row], pa.schema([("track_id", pa.string()), ("tokens", pa.binary())]))
    batch = tokens.batch([Pick(tokens.rows(table), np.array([1]), np.array([0]))], np.array([0]))
    assert batch.payload.tolist() == [[[1, 65535], [3, 4]]]
    assert (batch.conditions, batch.present, batch.texts) == ({}, {}, {})
