"""Arrow values as JSON has them."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def plain(scalar: Any) -> Any:
    """An Arrow scalar as a Python value for JSON: NaN and infinity, which JSON lacks, become None.

    A float of 32 bits becomes the number of fewest decimals that stands for it: 0.1, not 0.10000000149011612.
    Rounded to 32 bits again it is the same.
    """
    if not scalar.is_valid:
        return None
    if pa.types.is_list(scalar.type) or pa.types.is_fixed_size_list(scalar.type):
        return _items(scalar.values)
    return _items(pa.array([scalar.as_py()], scalar.type))[0]


def _items(array: Any) -> list[Any]:
    if pa.types.is_struct(array.type):
        names = [field.name for field in array.type]
        columns = [_items(array.field(name)) for name in names]
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    if pa.types.is_floating(array.type):
        finite = pc.if_else(pc.is_finite(array), array, None)
        if array.type == pa.float32():
            finite = finite.cast(pa.string()).cast(pa.float64())
        return list(finite.to_pylist())
    return list(array.to_pylist())
