"""Make the key of a query of all that decides about its rows.

Beside the SQL and its parameters these are the types, which convert parameters and values in Python, and the
names of the columns: two models of one table may send the same SQL, and mean something else by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from types import FunctionType
from typing import TYPE_CHECKING, Any

from sqlalchemy.types import TypeEngine

from andamios_orm.core.cache.packing import pack

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import Compiled

__all__ = ["form_of", "query_key"]

_ASIDE = {"comparator_factory", "dispatch", "metadata"}
"""Attributes of types that convert nothing."""


def query_key(database: str, form: bytes, parameters: Mapping[str, Any], schemas: Mapping[Any, Any]) -> str:
    """Return the key of a query.

    Args:
        database: What tells the database from others.
        form: What `form_of` returned for it.
        parameters: Its parameters.
        schemas: Which schemas stand for which.

    Raises:
        NotSupportedError: A parameter is of a type that the cache does not know.
    """
    named = sorted((str(name), value) for name, value in parameters.items())
    parts = [database, form, named, dict(schemas)]
    return f"query:{blake2b(pack(parts), digest_size=20).hexdigest()}"


def form_of(compiled: Compiled, names: Iterable[str]) -> bytes:
    """Return what decides about the rows of a compiled query, whatever its parameters are.

    Args:
        compiled: The query.
        names: By which the caller knows what is selected.
    """
    known: Any = compiled
    columns = [[str(column.keyname), _told(column.type, compiled)] for column in known._result_columns]
    parameters = sorted([str(name), _told(bind.type, compiled)] for bind, name in known.bind_names.items())
    return pack([compiled.string, list(map(str, names)), columns, parameters])


def _told(kind: TypeEngine[Any], compiled: Compiled) -> Any:
    # By the dialect's implementation of the type, because that is what converts.
    return _account(kind.dialect_impl(compiled.dialect))


def _account(value: Any) -> Any:
    if isinstance(value, TypeEngine):
        return [_path(type(value)), _account(_state(value))]
    if isinstance(value, dict):
        return _account(list(value.items()))
    if isinstance(value, list | tuple):
        return list(map(_account, value))
    return _path(value) if isinstance(value, type | FunctionType) else repr(value)


def _state(kind: TypeEngine[Any]) -> list[tuple[str, Any]]:
    # With cache_ok a type promises that its public attributes tell all. SQLAlchemy adds some of its own.
    is_open = getattr(kind, "cache_ok", True)
    names = (name for name in vars(kind) if name not in _ASIDE and not (is_open and name.startswith("_")))
    return [(name, vars(kind)[name]) for name in sorted(names)]


def _path(named: Any) -> str:
    return f"{named.__module__}.{named.__qualname__}"
