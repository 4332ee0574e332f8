"""Read the rows of a query as Arrow columns, as one table or in batches.

Only here is pyarrow met. What it raises while it reads batches is an `OSError` with the text of DuckDB's
error, and becomes that error again.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import duckdb

if TYPE_CHECKING:
    from collections.abc import Callable

    from andamios_orm.core.dialect.parser import ParsedStatement

__all__ = ["batch_reader", "read_table"]

_RELATIONS_STREAM = hasattr(duckdb.DuckDBPyConnection, "appender")
"""Whether relations hand batches over one by one; in DuckDB 1.5 results do, which in 2.0 read all at once."""


def read_table(
    connection: duckdb.DuckDBPyConnection, statement: ParsedStatement, parameters: list[Any]
) -> Any:
    """Return the rows as a ``pyarrow.Table``."""
    return connection.sql(statement.executable, params=parameters).to_arrow_table()


def batch_reader(
    connection: duckdb.DuckDBPyConnection, statement: ParsedStatement, parameters: list[Any], size: int
) -> Callable[[int], list[Any]]:
    """Return a function that returns up to so many further batches of ``size`` rows, and none at the end.

    Raises:
        duckdb.Error: The engine failed, now or, from the function, while it produced the rows.
    """
    rows: Any = (
        connection.sql(statement.executable, params=parameters)
        if _RELATIONS_STREAM
        else connection.execute(statement.executable, parameters)
    )
    reader = rows.to_arrow_reader(size)

    def read(count: int) -> list[Any]:
        try:
            return list(islice(reader, count))
        except OSError as error:
            raise _engine_error(str(error)) from error

    return read


def _engine_error(text: str) -> duckdb.Error:
    # DuckDB begins the text with the kind of the error, after which Python's class is named.
    kind = text.partition(" Error:")[0].title().replace(" ", "")
    class_: type[duckdb.Error] = getattr(duckdb, f"{kind}Exception", duckdb.OperationalError)
    return class_(text)
