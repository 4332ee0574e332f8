"""Functions of Python in SQL: ``@sql_function`` makes one that a query may call, row by row or by column."""

from __future__ import annotations

import hashlib
import inspect
import marshal
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import update_wrapper
from importlib.util import find_spec
from typing import Any, Generic, ParamSpec, TypeVar, overload

from sqlalchemy import ColumnElement, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import Function

from andamios_orm.core.dialect import AndamiosDialect
from andamios_orm.core.dialect.functions import PythonFunction, register
from andamios_orm.core.errors import ConfigurationError, NotSupportedError
from andamios_orm.queries.expressions import Expression
from andamios_orm.queries.functions.annotations import kinds_of
from andamios_orm.queries.functions.batches import by_column, by_row
from andamios_orm.queries.resolving import Resolvable, is_sql, resolved
from andamios_orm.queries.scope import Scope

__all__ = ["SQLFunction", "sql_function"]

P = ParamSpec("P")
R = TypeVar("R")

_DIALECT = AndamiosDialect()

_naming = threading.Lock()
_named: Counter[str] = Counter()
"""How many functions have the same name and the same code, such as those that one function makes."""


class SQLFunction(Generic[P, R]):
    """A function of Python that SQL may call, too; made by `sql_function`.

    Called with values it is the function. Called with a column or another expression among its arguments it
    is an expression of SQL; with one that names fields, such as ``F("lat")``, one that a query resolves.

    Attributes:
        name: What SQL calls it: its name and a digest of its code, so that two functions are never confused.
    """

    def __init__(self, function: Callable[P, R], name: str | None, vectorized: bool, volatile: bool) -> None:
        _require(vectorized)
        self._function = function
        self._signature = inspect.signature(function)
        kinds = kinds_of(function, self._signature, vectorized)
        *parameters, self._returns = kinds
        self._parameters = parameters
        label = name or function.__name__
        self.name = _name(label, function)
        update_wrapper(self, function)
        optional = [kind.optional for kind in kinds]
        register(
            PythonFunction(
                self.name,
                label,
                (by_column if vectorized else by_row)(function, optional[:-1], optional[-1]),
                tuple(kind.type.compile(_DIALECT) for kind in parameters),
                self._returns.type.compile(_DIALECT),
                vectorized=vectorized,
                takes_null=any(optional),
                volatile=volatile,
            )
        )

    @overload
    def __call__(self, *arguments: P.args, **named: P.kwargs) -> R: ...

    @overload
    def __call__(self, *arguments: Any, **named: Any) -> Any: ...

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call it with values, or make the expression that calls it.

        Raises:
            TypeError: These are not its arguments.
        """
        if any(map(is_sql, (*arguments, *named.values()))):
            return self.expression(*arguments, **named)
        return self._function(*arguments, **named)

    def expression(self, *arguments: Any, **named: Any) -> Any:
        """Return the expression that calls it in SQL, also where all arguments are values.

        Raises:
            TypeError: These are not its arguments.
        """
        bound = self._signature.bind(*arguments, **named)
        bound.apply_defaults()
        given = list(bound.arguments.values())
        if any(isinstance(each, Resolvable) for each in given):
            return _Deferred(self._called, given)
        return self._called(given)

    def _called(self, given: Sequence[Any]) -> ColumnElement[Any]:
        arguments = [
            each if is_sql(each) else literal(each, kind.type)
            for each, kind in zip(given, self._parameters, strict=True)
        ]
        return _Call(self.name, *arguments, type_=self._returns.type)

    def __repr__(self) -> str:
        return f"<SQLFunction {self.name}{self._signature}>"


@overload
def sql_function(function: Callable[P, R], /) -> SQLFunction[P, R]: ...


@overload
def sql_function(
    *, name: str | None = None, vectorized: bool = False, volatile: bool = False
) -> Callable[[Callable[P, R]], SQLFunction[P, R]]: ...


def sql_function(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str | None = None,
    vectorized: bool = False,
    volatile: bool = False,
) -> Any:
    """Let SQL call a function, whose annotations say the types of its arguments and of its value.

    These are ``bool``, ``bytes``, ``float``, ``int`` (64 bits), ``str``, ``date``, ``datetime``, ``time``,
    ``timedelta``, ``UUID``, lists of them, and ``Annotated[X, type]`` with a type of SQLAlchemy, such as
    ``Annotated[Decimal, Numeric(10, 2)]``. Where an argument is NULL, so is the value, without a call; unless
    the argument's type is ``X | None``.

    The function lives as long as the process, so define it at the top of a module. DuckDB calls it on its
    threads, on several at once, and not on the event loop.

    Args:
        function: The function.
        name: What SQL calls it; by default as Python does. A digest follows.
        vectorized: Whether it takes and gives columns as ``pyarrow.Array``: ``Annotated[pa.Array, float]``.
        volatile: Whether two calls with equal arguments may differ, as those of a random number.

    Raises:
        ConfigurationError: An annotation is missing or has no type in SQL, numpy or pyarrow is not installed,
            or it is no plain function.
    """

    def made(function: Callable[P, R]) -> SQLFunction[P, R]:
        return SQLFunction(function, name, vectorized, volatile)

    return made if function is None else made(function)


class _Call(Function[Any]):
    inherit_cache = True


@compiles(_Call)
def _compile_elsewhere(element: _Call, compiler: Any, **options: Any) -> str:
    backend = compiler.dialect.name
    # What str() of a statement compiles for.
    if backend == "default":
        return _compile(element, compiler, **options)
    raise NotSupportedError.of(backend, "functions of Python", "compute in Python, on what was read")


@compiles(_Call, "duckdb")
def _compile(element: _Call, compiler: Any, **options: Any) -> str:
    text: str = compiler.visit_function(element, **options)
    return text


class _Deferred(Expression):
    def __init__(self, called: Callable[[Sequence[Any]], ColumnElement[Any]], given: Sequence[Any]) -> None:
        self._called = called
        self._given = given

    def resolve(self, scope: Scope) -> ColumnElement[Any]:
        return self._called([resolved(each, scope) if is_sql(each) else each for each in self._given])


def _require(vectorized: bool) -> None:
    for module in ("numpy", "pyarrow") if vectorized else ("numpy",):
        if find_spec(module) is None:
            raise ConfigurationError(
                f'functions of Python in SQL need {module}: pip install "andamios-orm-queries[functions]"'
            )


def _name(label: str, function: Callable[..., Any]) -> str:
    if not label.isidentifier():
        raise ConfigurationError(f"the name of a function is an identifier, not {label!r}")
    # Of its code, so that a process that has another function of this name calls it by another name: results
    # may be cached by the text of their query.
    code = marshal.dumps(function.__code__, 2)
    digest = hashlib.blake2b(f"{function.__module__}.{function.__qualname__}".encode() + code, digest_size=4)
    name = f"{label.lower()}_{digest.hexdigest()}"
    with _naming:
        _named[name] += 1
        return name if _named[name] == 1 else f"{name}_{_named[name]}"
