"""Turn what a driver raises into the error tree: the one door.

`translate` hears of every exception that a statement, a fetch, a commit or a connection attempt raises,
before the user does. It classifies by the class that PEP 249 gives an exception, and by the code that
PostgreSQL, SQLite and MySQL send with theirs. DuckDB sends none: what it tells apart by text alone stands in
`_RULES`.
"""

from __future__ import annotations

import re
from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
from sqlalchemy import exc

from andamios_orm.core import errors
from andamios_orm.core.dialect.bad_rows import UNREADABLE, placed
from andamios_orm.core.dialect.bulk import BulkRows
from andamios_orm.core.dialect.database import ConfigurationMismatch
from andamios_orm.core.dialect.dbapi import StatementTimeout
from andamios_orm.core.dialect.functions import cause_of
from andamios_orm.core.dialect.raw import AbortedTransaction

if TYPE_CHECKING:
    from sqlalchemy.engine import ExceptionContext

    from andamios_orm.core.errors import AndamiosError, _ExecutedError

__all__ = ["CONVERSION_ERRORS", "translate"]

CONVERSION_ERRORS = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a type of SQLAlchemy raises for a value that it does not convert."""


class _Rule(NamedTuple):
    raised: type[Exception]
    pattern: re.Pattern[str]
    """What the text must hold; its named groups become attributes."""
    becomes: type[_ExecutedError]
    remedy: str = ""


_CONFLICT = "Another transaction changed the same rows first; run the whole unit of work again"
_LOCKED = "Close the database there, or open it with read_only=True in every process"

_QUOTED = '"(?:[^"]|"")+"'
"""A name as DuckDB 2 prints it where it needs quotes; 1.5 prints none."""

_RULES = (
    _Rule(AbortedTransaction, re.compile(""), errors.TransactionAbortedError),
    _Rule(duckdb.FatalException, re.compile(""), errors.InternalError),
    _Rule(duckdb.TransactionException, re.compile("transaction is aborted"), errors.TransactionAbortedError),
    _Rule(
        duckdb.TransactionException,
        re.compile(r'constraint violation: duplicate key "(?P<key>.*)"', re.DOTALL),
        errors.DuplicateKeyError,
    ),
    _Rule(
        duckdb.TransactionException,
        re.compile("conflict|has altered this table|been altered by a different", re.IGNORECASE),
        errors.TransactionConflictError,
        _CONFLICT,
    ),
    _Rule(
        duckdb.ConstraintException,
        re.compile(r'Error: Duplicate key "(?P<named_key>.*)" violates', re.DOTALL),
        errors.DuplicateKeyError,
    ),
    _Rule(
        duckdb.ConstraintException,
        re.compile(r'constraint violation: duplicate key "(?P<key>.*)"', re.DOTALL),
        errors.DuplicateKeyError,
    ),
    _Rule(
        duckdb.ConstraintException,
        re.compile(
            rf"NOT NULL constraint failed: (?P<table>{_QUOTED}|.+?)\.(?P<column>{_QUOTED}|[^.]+)$", re.DOTALL
        ),
        errors.NotNullError,
    ),
    _Rule(
        duckdb.ConstraintException,
        re.compile(rf"CHECK constraint failed on table (?P<table>{_QUOTED}|.+?) with expression", re.DOTALL),
        errors.CheckError,
    ),
    _Rule(duckdb.ConstraintException, re.compile("foreign key"), errors.ForeignKeyError),
    _Rule(duckdb.InvalidInputException, re.compile("while executing the UDF"), errors.DataError),
    _Rule(StatementTimeout, re.compile(""), errors.QueryTimeoutError),
    _Rule(duckdb.InterruptException, re.compile("maximum execution time"), errors.QueryTimeoutError),
    _Rule(
        duckdb.IOException,
        re.compile(r'Could not set lock on file "(?P<path>.*?)"(?:.*\(PID (?P<pid>\d+)\))?', re.DOTALL),
        errors.DatabaseLockedError,
        _LOCKED,
    ),
)
"""The first rule that fits counts. Order matters: a duplicate key at commit is not a conflict."""

_POSTGRESQL: dict[object, type[_ExecutedError]] = {
    "23001": errors.ForeignKeyError,
    "23502": errors.NotNullError,
    "23503": errors.ForeignKeyError,
    "23505": errors.DuplicateKeyError,
    "23514": errors.CheckError,
    "25P02": errors.TransactionAbortedError,
    "40001": errors.TransactionConflictError,
    "40P01": errors.TransactionConflictError,
}
"""SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html."""

_SQLITE: dict[object, type[_ExecutedError]] = {
    "SQLITE_BUSY": errors.TransactionConflictError,
    "SQLITE_BUSY_SNAPSHOT": errors.TransactionConflictError,
    "SQLITE_CONSTRAINT_CHECK": errors.CheckError,
    "SQLITE_CONSTRAINT_FOREIGNKEY": errors.ForeignKeyError,
    "SQLITE_CONSTRAINT_NOTNULL": errors.NotNullError,
    "SQLITE_CONSTRAINT_PRIMARYKEY": errors.DuplicateKeyError,
    "SQLITE_CONSTRAINT_ROWID": errors.DuplicateKeyError,
    "SQLITE_CONSTRAINT_UNIQUE": errors.DuplicateKeyError,
}
"""Extended result codes: https://sqlite.org/rescode.html."""

_MYSQL: dict[object, type[_ExecutedError]] = {
    1020: errors.TransactionConflictError,
    1048: errors.NotNullError,
    1062: errors.DuplicateKeyError,
    1205: errors.TransactionConflictError,
    1213: errors.TransactionConflictError,
    1364: errors.NotNullError,
    1451: errors.ForeignKeyError,
    1452: errors.ForeignKeyError,
    3819: errors.CheckError,
    4025: errors.CheckError,
}
"""Error numbers of MySQL and MariaDB: https://mariadb.com/kb/en/mariadb-error-codes/."""

_CODES = _POSTGRESQL | _SQLITE | _MYSQL

_KINDS: tuple[tuple[type[exc.DBAPIError], type[_ExecutedError]], ...] = (
    (exc.IntegrityError, errors.IntegrityError),
    (exc.ProgrammingError, errors.ProgrammingError),
    (exc.DataError, errors.DataError),
    (exc.NotSupportedError, errors.NotSupportedError),
    (exc.InternalError, errors.InternalError),
)
"""What the rest becomes, by its class in PEP 249; `OperationalError` where there is none."""

_KEY_COLUMN = re.compile(r"^[^:]+: |(?<=, )[\w ]+: ")
"""What stands before a value of a key that was committed earlier: ``a: 1, b: x``."""

_REFUSED_OPTIONS = (exc.DataError, exc.NotSupportedError, exc.ProgrammingError)
"""What DuckDB raises while it opens a database whose settings have no such value."""

_DATA_EXCEPTION = "22"
"""The class of SQLSTATE that asyncpg knows and that SQLAlchemy does not tell from others."""


def translate(context: ExceptionContext) -> AndamiosError | None:
    """Return the error of our tree for what SQLAlchemy is about to raise; None leaves it as it is.

    A `ConfigurationError`, such as that of a bad execution option, stays one.
    """
    raised, wrapped = context.original_exception, context.sqlalchemy_exception
    if isinstance(raised, ConfigurationMismatch):
        return errors.ConfigurationError(str(raised))
    if wrapped is None:
        return None
    if isinstance(raised, errors.ConfigurationError):
        # A copy, because SQLAlchemy raises what is returned here from the original, and an error that is its
        # own cause would send whoever follows the causes round in a circle.
        return copy(raised)
    if not isinstance(wrapped, exc.DBAPIError):
        return _error(errors.DataError, "", wrapped, {}) if isinstance(raised, CONVERSION_ERRORS) else None
    if isinstance(raised, duckdb.Error):
        return _of_duckdb(context, raised, wrapped)
    return _error(_by_code(wrapped), "", wrapped, _sent_facts(wrapped))


def _of_duckdb(context: ExceptionContext, raised: duckdb.Error, wrapped: exc.DBAPIError) -> AndamiosError:
    if context.connection is None and isinstance(wrapped, _REFUSED_OPTIONS):
        return errors.ConfigurationError(f"DuckDB does not open the database with these options: {raised}")
    # A function of Python that raised: the engine tells its text and no more.
    raised.__cause__ = raised.__cause__ or cause_of(raised)
    for rule in _RULES:
        if isinstance(raised, rule.raised) and (found := rule.pattern.search(str(raised))) is not None:
            return _error(rule.becomes, rule.remedy, wrapped, _read_facts(raised, found))
    return _error(_by_kind(wrapped), "", wrapped, _read_facts(raised, None))


def _by_code(wrapped: exc.DBAPIError) -> type[_ExecutedError]:
    raised: Any = wrapped.orig
    state = getattr(raised, "sqlite_errorname", None) or getattr(raised, "sqlstate", None)
    # MySQL's SQLSTATE is the same for all constraints; its number tells them apart.
    number = next((value for value in raised.args[:1] if isinstance(value, int)), None)
    becomes = _CODES.get(state if number is None else number)
    if becomes is None and str(state).startswith(_DATA_EXCEPTION):
        return errors.DataError
    return becomes or _by_kind(wrapped)


def _by_kind(wrapped: exc.DBAPIError) -> type[_ExecutedError]:
    if isinstance(wrapped.orig, UNREADABLE) and getattr(wrapped.params, "place", None) is not None:
        return errors.DataError
    return next((becomes for kind, becomes in _KINDS if isinstance(wrapped, kind)), errors.OperationalError)


def _sent_facts(wrapped: exc.DBAPIError) -> dict[str, Any]:
    # PostgreSQL sends the names along; the others put them into their text alone.
    sent = {name: getattr(wrapped.driver_exception, f"{name}_name", None) for name in ("table", "column")}
    return {name: value for name, value in sent.items() if value}


def _read_facts(raised: Exception, found: re.Match[str] | None) -> dict[str, Any]:
    named = found.groupdict() if found else {}
    facts: dict[str, Any] = {name: value for name, value in named.items() if value is not None}
    if "pid" in facts:
        facts["pid"] = int(facts["pid"])
    if isinstance(raised, StatementTimeout):
        facts["seconds"] = raised.seconds
    if "named_key" in facts:
        facts["key"] = _KEY_COLUMN.sub("", facts.pop("named_key"))
    return facts | {name: _unquoted(facts[name]) for name in ("table", "column") if name in facts}


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if re.fullmatch(_QUOTED, name) else name


def _error(
    becomes: type[_ExecutedError], remedy: str, wrapped: exc.StatementError, facts: dict[str, Any]
) -> _ExecutedError:
    text, statement, parameters = str(wrapped.orig), wrapped.statement, wrapped.params
    several = wrapped.ismulti or _are_rows(parameters)
    if isinstance(parameters, BulkRows):
        # Not the thousands of values, nor the statement that carries them: they would bury the message.
        rows = parameters
        text, facts = _in_bulk(text, rows, facts)
        statement, parameters = rows.plan.single, None if rows.place is None else rows.place.parameters
        several = False
    told = becomes(
        f"{text}\n{remedy}." if remedy else text,
        statement,
        parameters,
        wrapped.orig,
        hide_parameters=wrapped.hide_parameters,
        connection_invalidated=isinstance(wrapped, exc.DBAPIError) and wrapped.connection_invalidated,
        ismulti=several,
    )
    for name, value in facts.items():
        if hasattr(becomes, name):
            setattr(told, name, value)
    return told


def _are_rows(parameters: Any) -> bool:
    # SQLAlchemy does not tell of rows that it could not convert, and would print a hundred of them.
    return isinstance(parameters, list) and all(isinstance(row, dict) for row in parameters)


def _in_bulk(text: str, rows: BulkRows, facts: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    # DuckDB appends an excerpt of the statement, which here is one that carries all the values.
    reason, _, _ = text.partition("\n\nLINE ")
    table, place = rows.plan.table.name, rows.place
    known = {} if place is None else {"row": place.row, "column": place.column}
    return placed(reason, table, len(rows), place), {"table": table} | known | facts
