"""Wishes as a batch: through the same columns and the same collator as the windows of a pack."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from training.batch import Batch
from training.collate import Collator, Pick
from training.conditions import BY_NAME, CURVE_HOP_S
from training.generating.wish import Wish
from training.pack_format import Payload, shard_schema

_NO_PAYLOAD = Payload("tokens", "<u2", (1,), 1.0, {})
"""A collator wants one; what is generated replaces it."""


def batch_of(wishes: Sequence[Wish], conditions: Sequence[str], duration_s: float, positions: Sequence[int]) -> Batch:
    """What wishes say of these conditions, of stretches of that many seconds; the payload is a placeholder."""
    frames = round(duration_s / CURVE_HOP_S)
    collator = Collator(_NO_PAYLOAD, None, tuple(BY_NAME[name] for name in conditions), frames)
    rows = [_fitting(wish.row(), frames) for wish in wishes]
    schema = shard_schema(_NO_PAYLOAD.name)
    empty = {"track_id": "", _NO_PAYLOAD.name: bytes(_NO_PAYLOAD.num_bytes)}
    columns = {
        name: pa.array([(row | empty).get(name) for row in rows], schema.field(name).type) for name in collator.columns
    }
    everything = np.arange(len(rows))
    picked = Pick(collator.rows(pa.table(columns)), everything, everything)
    return collator.batch([picked], np.array(positions, np.int64))


def _fitting(row: dict[str, Any], frames: int) -> dict[str, Any]:
    """The row with its curves as long as the stretch: cut, or without a value beyond their end."""

    def fitted(name: str, value: Any) -> Any:
        if BY_NAME[name].kind != "curve":
            return value
        known = list(value)[:frames]
        return known + [0.0] * (frames - len(known))

    return {name: fitted(name, value) for name, value in row.items()}
