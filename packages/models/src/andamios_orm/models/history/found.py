"""The rows that a statement finds, told by a query, so that their keys need not pass through Python."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select

__all__ = ["FoundRows"]


class FoundRows(NamedTuple):
    """Rows of a table.

    Attributes:
        keys: The query for their primary keys, which finds each once. Its columns are called ``k0``, ``k1``
            and so on.
        criterion: The condition that they, and no other rows of the table, meet; None where it cannot be
            told by columns of the table alone.
    """

    keys: Select[Any]
    criterion: ColumnElement[bool] | None
