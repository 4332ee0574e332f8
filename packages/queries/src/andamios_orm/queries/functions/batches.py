"""Call functions of Python as DuckDB does: for a row, or for a batch of rows in columns of pyarrow.

DuckDB calls a function for NULL, or it does not, whatever the argument. Here each argument decides by itself:
a row in which one that takes no NULL is NULL is not given to the function, and its value is NULL.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import compress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["by_column", "by_row"]

_NO_NULL = "it returned None, and its annotation does not say so: write `-> X | None`"


def by_row(
    function: Callable[..., Any], takes_null: Sequence[bool], returns_null: bool
) -> Callable[..., Any]:
    """Return the function for one row.

    Args:
        function: Takes and gives values.
        takes_null: Whether it takes None, for each parameter.
        returns_null: Whether it may return None.
    """
    strict = [not each for each in takes_null]

    def called(*arguments: Any) -> Any:
        if None in arguments and any(each is None for each in compress(arguments, strict)):
            return None
        value = function(*arguments)
        if value is None and not returns_null:
            raise TypeError(_NO_NULL)
        return value

    return called


def by_column(
    function: Callable[..., Any], takes_null: Sequence[bool], returns_null: bool
) -> Callable[..., Any]:
    """Return the function for a batch of rows.

    Args:
        function: Takes and gives a ``pyarrow.Array`` each.
        takes_null: Whether it takes NULL in it, for each parameter.
        returns_null: Whether it may return NULL.
    """
    strict = [not each for each in takes_null]

    def called(*given: Any) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        columns = [column.combine_chunks() for column in given]
        if not any(column.null_count for column in compress(columns, strict)):
            return _checked(function(*columns), len(columns[0]), returns_null)
        valid = reduce(pc.and_, (column.is_valid() for column in compress(columns, strict)))
        known = [column.filter(valid) for column in columns]
        found = _checked(function(*known), len(known[0]), returns_null)
        return pc.replace_with_mask(pa.nulls(len(valid), found.type), valid, found)

    return called


def _checked(found: Any, length: int, returns_null: bool) -> pa.Array:
    import pyarrow as pa

    if isinstance(found, pa.ChunkedArray):
        found = found.combine_chunks()
    if not isinstance(found, pa.Array) or len(found) != length:
        raise TypeError(f"it did not return a pyarrow.Array of {length} values, one for each row")
    if found.null_count and not returns_null:
        raise TypeError(_NO_NULL)
    return found
