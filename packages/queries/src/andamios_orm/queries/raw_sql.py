"""SQL as text, with values that are bound: ``await sql("select * from t where x = :x", x=1).all()``."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar, overload

from sqlalchemy import BindParameter, Result, Row, TextClause, bindparam, select, text

from andamios_orm.core.errors import ConfigurationError, MultipleResultsError, NotFoundError
from andamios_orm.core.session import current_session
from andamios_orm.queries.frames import Frames
from andamios_orm.queries.sql_check import Checked, check
from andamios_orm.queries.typed_rows import row_type

if TYPE_CHECKING:
    import pyarrow as pa

    from andamios_orm.core import AsyncSession

__all__ = ["RawSQL", "sql"]

T = TypeVar("T")

_LISTS = (list, tuple, set, frozenset)


@dataclass(frozen=True)
class RawSQL(Frames):
    """One statement with its values; made by `sql`, and executed as often as it is asked for.

    It is executed in the current session of the task, or in that of `on`, and in its transaction; pending
    objects are flushed first.

    Attributes:
        statement: The statement, as SQLAlchemy's.
        session: The session; None for the current one.
    """

    statement: TextClause = field(repr=False)
    session: AsyncSession | None = field(default=None, repr=False)

    def on(self, session: AsyncSession) -> RawSQL:
        """Return the same for a session."""
        return replace(self, session=session)

    async def execute(self) -> Result[Any]:
        """Execute it and return SQLAlchemy's result, for a write too."""
        return await self._executed(self.statement)

    @overload
    async def all(self) -> list[Row[Any]]: ...

    @overload
    async def all(self, model: type[T]) -> list[T]: ...

    async def all(self, model: type[Any] | None = None) -> list[Any]:
        """Return all rows, or the objects that they are.

        Args:
            model: A mapped class; the text has to select its columns, under their names.
        """
        return list(await self._found(model))

    @overload
    async def first(self) -> Row[Any] | None: ...

    @overload
    async def first(self, model: type[T]) -> T | None: ...

    async def first(self, model: type[Any] | None = None) -> Any:
        """Return the first row or object; None where there is none. All rows are read."""
        return next(iter(await self._found(model)), None)

    @overload
    async def one(self) -> Row[Any]: ...

    @overload
    async def one(self, model: type[T]) -> T: ...

    async def one(self, model: type[Any] | None = None) -> Any:
        """Return the only row or object.

        Raises:
            MultipleResultsError: There are several.
            NotFoundError: There is none.
        """
        found = await self._at_most_one(model)
        if found is None:
            raise NotFoundError(_called(model))
        return found

    @overload
    async def one_or_none(self) -> Row[Any] | None: ...

    @overload
    async def one_or_none(self, model: type[T]) -> T | None: ...

    async def one_or_none(self, model: type[Any] | None = None) -> Any:
        """Return the only row or object; None where there is none.

        Raises:
            MultipleResultsError: There are several.
        """
        return await self._at_most_one(model)

    async def scalar(self) -> Any:
        """Return the first column of the first row; None where there is none."""
        return (await self.execute()).scalar()

    async def scalars(self) -> list[Any]:
        """Return the first column of all rows."""
        return list((await self.execute()).scalars())

    async def into(self, type_: type[T]) -> list[T]:
        """Return the rows as objects of a type, whose fields are matched with columns by name.

        Columns that the type does not have are left out. A pydantic model validates.

        Args:
            type_: A dataclass, a msgspec ``Struct``, a ``NamedTuple``, a ``TypedDict`` or a pydantic model.

        Raises:
            ConfigurationError: The type has no fields, one without a default that is no column, or one that
                is several columns.
            ValidationError: A pydantic model refuses a row.
        """
        wanted = row_type(type_)
        result = await self.execute()
        columns = list(result.keys())
        names = tuple(name for name in columns if name in wanted.names)
        unfit = sorted(
            {name for name in wanted.names if names.count(name) > 1} | wanted.required - set(names)
        )
        if unfit:
            raise ConfigurationError(
                f"{type_.__name__} needs {', '.join(unfit)} as one column each: the columns are "
                f"{', '.join(columns)}"
            )
        kept = result if len(names) == len(columns) else result.columns(*map(columns.index, names))
        made: list[T] = wanted.make(names)(kept.all())
        return made

    async def arrow(self) -> pa.Table:
        """Return the rows as a ``pyarrow.Table``; no Python object is made for a value.

        Raises:
            ConfigurationError: pyarrow is not installed.
            NotSupportedError: The backend is not DuckDB.
        """
        return await self._executed_by().arrow(self.statement)

    def _executed_by(self) -> AsyncSession:
        return self.session or current_session()

    async def _executed(self, statement: Any) -> Result[Any]:
        result: Result[Any] = await self._executed_by().execute(statement)
        return result

    async def _found(self, model: type[Any] | None) -> Any:
        if model is None:
            return (await self.execute()).all()
        found = await self._executed(select(model).from_statement(self.statement))
        return found.scalars().all()

    async def _at_most_one(self, model: type[Any] | None) -> Any:
        found = await self._found(model)
        if len(found) > 1:
            raise MultipleResultsError(f"more than one {_called(model)} was found, and one expected")
        return found[0] if found else None


def sql(statement: LiteralString, /, **parameters: object) -> RawSQL:
    """Return a statement in SQL, whose values are bound by name: ``sql("... where x = :x", x=1)``.

    The text is one statement, a query or a write, in which every value is a placeholder: what is compared,
    assigned or inserted as a constant is refused, because that is what string formatting leaves behind. For a
    text with such constants there is ``sqlalchemy.text()``. The rules: `andamios_orm.queries.sql_check`.

    Args:
        statement: The text.
        parameters: The values. A list, tuple or set behind IN stands for its elements: ``x in :ids``. A
            member of an ``Enum`` is bound by its name, that of a ``StrEnum`` or ``IntEnum`` by its value.

    Raises:
        ConfigurationError: The text is not one statement whose values are bound, or names and values do not
            fit together.
    """
    checked = check(statement)
    missing = sorted(checked.names - parameters.keys())
    unused = sorted(parameters.keys() - checked.names)
    if missing or unused:
        raise ConfigurationError(
            "placeholders and values do not fit together: no value for "
            f"{_enumerated(missing)}, no placeholder for {_enumerated(unused)}"
        )
    _refuse_bracketed(checked, parameters)
    return RawSQL(text(checked.text).bindparams(*_bound(checked, parameters)))


def _refuse_bracketed(checked: Checked, parameters: Mapping[str, Any]) -> None:
    for name in checked.bracketed:
        if isinstance(parameters[name], _LISTS):
            raise ConfigurationError(
                f"{name} stands for several values: write it without brackets: x in :{name}"
            )


def _bound(checked: Checked, parameters: Mapping[str, Any]) -> list[BindParameter[Any]]:
    return [_parameter(name, value, name in checked.listed) for name, value in parameters.items()]


def _parameter(name: str, value: Any, listed: bool) -> BindParameter[Any]:
    if listed and isinstance(value, _LISTS):
        return bindparam(name, list(map(_plain, value)), expanding=True)
    return bindparam(name, _plain(value))


def _plain(value: Any) -> Any:
    if not isinstance(value, enum.Enum):
        return value
    return value.value if isinstance(value, str | int) else value.name


def _called(model: type[Any] | None) -> str:
    return "row" if model is None else model.__name__


def _enumerated(names: list[str]) -> str:
    return ", ".join(names) or "none"
