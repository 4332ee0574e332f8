"""The endings of a query that bring columns: Arrow, and what is made of it, typed rows, and files."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import inspect

from andamios_orm.core.errors import ConfigurationError, NotSupportedError
from andamios_orm.models.soft_delete.visibility import visible
from andamios_orm.queries.copying import Copy, written_whole
from andamios_orm.queries.frames import Frames
from andamios_orm.queries.state import State
from andamios_orm.queries.typed_rows import RowType, row_type

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Columnar"]

T = TypeVar("T")
R = TypeVar("R")


class Columnar(Frames, Generic[T]):
    """Endings that read columns."""

    _state: State

    async def values(self, *names: str) -> list[dict[str, Any]]:
        """Return the rows as dicts.

        Args:
            names: The fields; by default all columns of the query.

        Raises:
            UnknownNameError: A name leads nowhere.
        """
        state = self._state.fields(names)
        return [dict(zip(state.columns, row, strict=True)) for row in await state.tuples()]

    async def values_list(self, *names: str, flat: bool = False) -> list[Any]:
        """Return the rows as tuples.

        Args:
            names: The fields; by default all columns of the query.
            flat: Whether to return the values of a single field, and no tuples.

        Raises:
            ConfigurationError: ``flat``, and there are several columns.
            UnknownNameError: A name leads nowhere.
        """
        state = self._state.fields(names)
        if flat and len(state.columns) != 1:
            raise ConfigurationError(f"flat=True is for one field, and these are {', '.join(state.columns)}")
        rows = await state.tuples()
        return [value for (value,) in rows] if flat else list(map(tuple, rows))

    async def into(self, type_: type[R]) -> list[R]:
        """Return the rows as objects of a type, whose fields are matched with columns by name.

        Of a query for objects, only the fields that the type has are read. A pydantic model validates.

        Args:
            type_: A dataclass, a msgspec ``Struct``, a ``NamedTuple``, a ``TypedDict`` or a pydantic model.

        Raises:
            ConfigurationError: The type has no fields, or one without a default that the query has not.
            ValidationError: A pydantic model refuses a row.
        """
        wanted = row_type(type_)
        state = self._fitting(wanted, type_)
        made: list[R] = wanted.make(state.columns)(await state.tuples())
        return made

    async def arrow(self) -> pa.Table:
        """Return the rows as a ``pyarrow.Table``; no Python object is made for a value.

        So values are the engine's: conversions that types make in Python are left out.

        Raises:
            ConfigurationError: pyarrow is not installed.
            NotSupportedError: The backend is not DuckDB.
        """
        state = self._state.fields(())
        with state.explained(state.bound):
            return await state.executed_by().arrow(state.bound)

    async def batches(self, size: int = 100_000) -> AsyncGenerator[pa.RecordBatch, None]:
        """Give the rows as ``pyarrow.RecordBatch`` objects, in one snapshot, each read when it is asked for.

        Args:
            size: Rows of a batch at most.

        Raises:
            ConfigurationError: pyarrow is not installed, or ``size`` is less than 1.
            NotSupportedError: The backend is not DuckDB.
        """
        state = self._state.fields(())
        with state.explained(state.bound):
            async with aclosing(state.executed_by().arrow_batches(state.bound, size)) as batches:
                async for batch in batches:
                    yield batch

    async def to_parquet(self, path: str | PathLike[str]) -> int:
        """Let the engine write the rows to a Parquet file; return how many they are.

        The file of another run is replaced once the new one is whole.

        Raises:
            NotSupportedError: The backend is not DuckDB.
        """
        return await self._copied(path, "FORMAT parquet, USE_TMP_FILE false")

    async def to_csv(self, path: str | PathLike[str]) -> int:
        """Let the engine write the rows to a CSV file with a header; see `to_parquet`."""
        return await self._copied(path, "FORMAT csv, HEADER true, USE_TMP_FILE false")

    async def to_json(self, path: str | PathLike[str]) -> int:
        """Let the engine write the rows to a file as a JSON array; see `to_parquet`."""
        return await self._copied(path, "FORMAT json, ARRAY true, USE_TMP_FILE false")

    async def _copied(self, path: str | PathLike[str], options: str) -> int:
        state = self._state
        session = state.executed_by()
        if state.dialect.name != "duckdb":
            raise NotSupportedError.of(state.dialect.name, "writing files", "read the rows, and write them")
        if session.autoflush:
            await session.flush()
        query = visible(state.fields(()).bound)
        connection = await session.connection(bind_arguments={"mapper": inspect(state.model)})
        async with written_whole(fspath(path)) as file:
            with state.explained(query):
                return (await connection.execute(Copy(query, file, options))).rowcount

    def _fitting(self, wanted: RowType, type_: type[Any]) -> State:
        state = self._state
        known = [*state.columns]
        if state.with_object:
            known += state.scope.mapper.column_attrs.keys()
        names = [name for name in wanted.names if name in known or (state.with_object and "__" in name)]
        missing = sorted(wanted.required - set(names))
        if missing:
            raise ConfigurationError(
                f"{type_.__name__} needs {', '.join(missing)}, which the query has not: it has "
                f"{', '.join(known)}"
            )
        return state.fields(names)
