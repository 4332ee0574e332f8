"""Functions of Python that SQL may call, in every database that this process has open.

DuckDB keeps functions in a catalog that has transactions. The rules:

* A transaction sees the functions that its database had when it began. So they are created before it begins,
  on a connection that does nothing else and stays open as long as the database.
* A function that was defined later is created inside of the transaction that calls it, under a name of its
  own: under its own name it could conflict with other transactions.
* DuckDB does not keep a function of Python alive. This module does, until the process ends.
"""

from __future__ import annotations

import inspect
import re
import threading
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import duckdb

from andamios_orm.core.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FunctionCatalog", "FunctionError", "LateFunctions", "PythonFunction", "cause_of", "register"]

_KEPT = 16
"""How many exceptions are kept until somebody asks for them: more than threads that fail at once."""


@dataclass(frozen=True, eq=False)
class PythonFunction:
    """A function of Python that SQL may call.

    Attributes:
        name: What SQL calls it; nothing else in the process has this name.
        label: What messages call it.
        call: Computes the value of a row, or with ``vectorized`` of the rows of a batch. It is called on any
            thread, on several at once.
        parameters: The types of its parameters, as SQL.
        returns: The type of its value, as SQL.
        vectorized: Whether it takes and gives columns of pyarrow instead of values.
        takes_null: Whether it is called for NULL, and may return it; otherwise the value for NULL is NULL.
        volatile: Whether two calls with equal arguments may differ.
    """

    name: str
    label: str
    call: Callable[..., Any]
    parameters: tuple[str, ...]
    returns: str
    vectorized: bool = False
    takes_null: bool = False
    volatile: bool = False

    def create(self, connection: duckdb.DuckDBPyConnection, name: str) -> None:
        """Create it in a database, in the transaction of the connection; on a worker thread.

        Raises:
            duckdb.Error: The database has one of this name, or another transaction creates it right now; or
                one of the types is not known.
        """
        # Its annotations leave out the names of its options.
        create: Any = connection.create_function
        try:
            create(
                name,
                _callbacks[self.name],
                list(self.parameters),
                self.returns,
                type="arrow" if self.vectorized else "native",
                null_handling="special" if self.takes_null else "default",
                side_effects=self.volatile,
            )
        except TypeError as error:
            # What DuckDB 1.5 raises for a type that it does not know.
            types = ", ".join((*self.parameters, self.returns))
            raise duckdb.NotSupportedError(
                f"{self.label}() has a type that functions cannot have: {types}"
            ) from error


class FunctionError(Exception):
    """Carry the number of an exception through the engine, which keeps nothing but the text."""


_functions: dict[str, PythonFunction] = {}
_callbacks: dict[str, Callable[..., Any]] = {}
_raised: dict[int, Exception] = {}
_numbers = count(1)
_NUMBER = re.compile(r"\(failure (\d+)\)")


def register(function: PythonFunction) -> None:
    """Let SQL call a function, in each transaction that begins from now on and in those that are open.

    Raises:
        ConfigurationError: Another one has its name.
    """
    if function.name in _functions:
        raise ConfigurationError(f"there is a function {function.name} already: give each a name of its own")
    # First, because whoever sees the function creates it.
    _callbacks[function.name] = _callback(function)
    _functions[function.name] = function


def _kept(error: Exception) -> int:
    number = next(_numbers)
    _raised[number] = error
    # Nobody asks for those of threads that failed at once, nor for those that TRY() swallows.
    _raised.pop(number - _KEPT, None)
    return number


def _callback(function: PythonFunction) -> Callable[..., Any]:
    def call(*arguments: Any) -> Any:
        try:
            return function.call(*arguments)
        # Whatever it is, DuckDB would keep the text alone: `cause_of` hands the exception on to the caller.
        except Exception as error:
            number = _kept(error)
            told = f"{function.label}() raised {type(error).__name__}: {error} (failure {number})"
            raise FunctionError(told) from None

    # DuckDB counts the parameters.
    parameters = [
        inspect.Parameter(f"p{position}", inspect.Parameter.POSITIONAL_ONLY)
        for position, _ in enumerate(function.parameters)
    ]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # PEP 362 knows it
    return call


def cause_of(error: duckdb.Error) -> Exception | None:
    """Return what a function of Python raised, where that is why a statement failed; but once."""
    found = _NUMBER.search(str(error))
    return None if found is None else _raised.pop(int(found[1]), None)


class FunctionCatalog:
    """The functions that one database has.

    Its methods may block and belong on a worker thread.

    Args:
        connection: A connection to it, which is used for nothing else and stays open as long as the database.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._creating = threading.Lock()
        self._names: frozenset[str] = frozenset()

    def provide(self) -> frozenset[str]:
        """Create what was registered since the last call; return the names that new transactions know."""
        if len(self._names) < len(_functions):
            with self._creating:
                missing = [each for name, each in tuple(_functions.items()) if name not in self._names]
                self._names |= {function.name for function in missing if self._created(function)}
        return self._names

    def _created(self, function: PythonFunction) -> bool:
        try:
            function.create(self._connection, function.name)
        except duckdb.Error:
            # Whoever calls it creates it once more, and is told.
            return False
        return True


class LateFunctions:
    """The functions of one transaction that were registered after it began.

    Args:
        known: The names of those that it knows from its database.
    """

    def __init__(self, known: frozenset[str] = frozenset()) -> None:
        self._known = known
        self._names: dict[str, str] = {}

    def called_in(self, sql: str) -> list[PythonFunction]:
        """Return those that a statement calls."""
        if len(self._known) == len(_functions):
            return []
        return [
            function
            for name, function in tuple(_functions.items())
            if name not in self._known and name in sql
        ]

    def provide(self, connection: duckdb.DuckDBPyConnection, sql: str) -> str:
        """Create what a statement calls, in the transaction of the connection; return the statement to send.

        Raises:
            duckdb.Error: It cannot be created.
        """
        for function in self.called_in(sql):
            name = function.name
            if name not in self._names:
                late = f"{name}_{next(_numbers)}"
                function.create(connection, late)
                self._names[name] = late
            # Where it is called, and not where a column is named after it.
            sql = re.sub(rf'\b{re.escape(name)}(?="?\()', self._names[name], sql)
        return sql
