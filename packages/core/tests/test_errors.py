"""The error tree: its shape, its kinship with SQLAlchemy's, and that errors travel between processes."""

from __future__ import annotations

import pickle
import re
from typing import Any

import pytest
from sqlalchemy import exc
from sqlalchemy.orm import exc as orm_exc

from andamios_orm.core import errors

PUBLIC = {name: getattr(errors, name) for name in errors.__all__}

COUNTERPARTS: dict[type[errors.AndamiosError], type[Exception]] = {
    errors.CheckError: exc.IntegrityError,
    errors.ConfigurationError: exc.ArgumentError,
    errors.DataError: exc.DataError,
    errors.DatabaseLockedError: exc.OperationalError,
    errors.DuplicateKeyError: exc.IntegrityError,
    errors.ForeignKeyError: exc.IntegrityError,
    errors.IntegrityError: exc.IntegrityError,
    errors.InternalError: exc.InternalError,
    errors.MultipleResultsError: exc.MultipleResultsFound,
    errors.NoCurrentSessionError: exc.ArgumentError,
    errors.NotFoundError: exc.NoResultFound,
    errors.NotNullError: exc.IntegrityError,
    errors.NotSupportedError: exc.NotSupportedError,
    errors.OperationalError: exc.OperationalError,
    errors.PoolTimeoutError: exc.TimeoutError,
    errors.ProgrammingError: exc.ProgrammingError,
    errors.QueryTimeoutError: exc.OperationalError,
    errors.SavepointNotSupportedError: exc.NotSupportedError,
    errors.StaleVersionError: orm_exc.StaleDataError,
    errors.TransactionAbortedError: exc.OperationalError,
    errors.TransactionConflictError: exc.OperationalError,
    errors.ValidationError: ValueError,
}


def drawn_tree() -> dict[str, str]:
    """Return the name of each drawn class with the name of its parent."""
    parents: dict[str, str] = {}
    line: list[str] = []
    for indent, name in re.findall(r"^ {4}([ │├└]*)(\w+Error)$", errors.__doc__ or "", re.MULTILINE):
        depth = len(indent) // 2
        line[depth:] = [name]
        parents[name] = line[depth - 1] if depth else "Exception"
    return parents


def public_parent(error: type[Exception]) -> str:
    """Return the name of the closest class above, of those that users may name."""
    above = (base for base in error.__mro__[1:] if base.__name__ in PUBLIC and base in PUBLIC.values())
    return next((base.__name__ for base in above), "Exception")


def test_the_tree_is_as_drawn() -> None:
    assert {name: public_parent(error) for name, error in PUBLIC.items()} == drawn_tree()


@pytest.mark.parametrize(("error", "counterpart"), COUNTERPARTS.items(), ids=lambda value: value.__name__)
def test_an_error_is_also_an_instance_of_its_counterpart(
    error: type[errors.AndamiosError], counterpart: type[Exception]
) -> None:
    assert issubclass(error, counterpart)


def test_only_a_conflict_is_retryable() -> None:
    assert [name for name, error in PUBLIC.items() if error.retryable] == ["TransactionConflictError"]


EXAMPLES: list[tuple[errors.AndamiosError, dict[str, Any]]] = [
    (errors.ConfigurationError("no"), {}),
    (errors.NoCurrentSessionError(), {}),
    (errors.PoolTimeoutError(1.5, 7), {"seconds": 1.5, "size": 7}),
    (errors.NotFoundError("Flight", (1, "a")), {"model": "Flight", "key": (1, "a")}),
    (errors.NotFoundError("Flight"), {"model": "Flight", "key": None}),
    (
        errors.ValidationError("Flight", {"code": "is too long"}),
        {"model": "Flight", "errors": {"code": "is too long"}},
    ),
    (
        errors.SavepointNotSupportedError("duckdb"),
        {"backend": "duckdb", "feature": "savepoint", "statement": None},
    ),
    (errors.MultipleResultsError("two"), {}),
    (errors.StaleVersionError("row changed"), {"statement": None}),
    (
        errors.QueryTimeoutError("late", "SELECT 1", {"a": 1}, ValueError("x"), connection_invalidated=True),
        {"statement": "SELECT 1", "params": {"a": 1}, "connection_invalidated": True, "seconds": None},
    ),
]


@pytest.mark.parametrize(("error", "facts"), EXAMPLES, ids=[type(error).__name__ for error, _ in EXAMPLES])
def test_a_pickled_error_keeps_its_facts(error: errors.AndamiosError, facts: dict[str, Any]) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert {name: getattr(copy, name) for name in facts} == facts


def test_a_pickled_error_keeps_facts_that_were_set_after_it_was_made() -> None:
    error = errors.DuplicateKeyError("twice", "INSERT", (), ValueError("x"), hide_parameters=True)
    error.key, error.table, error.row = "1", "t", 3
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.key, copy.table, copy.row, copy.hide_parameters) == ("1", "t", 3, True)


def test_exhausted_retries_keep_the_last_error() -> None:
    error = pickle.loads(
        pickle.dumps(errors.RetriesExhaustedError(3, errors.TransactionConflictError("again")))
    )
    assert (error.attempts, type(error.last_error)) == (3, errors.TransactionConflictError)
    assert "3 attempts" in str(error)


def test_hidden_parameters_stay_out_of_the_message() -> None:
    shown = errors.DataError("bad", "SELECT $1", ("secret",), ValueError("x"))
    hidden = errors.DataError("bad", "SELECT $1", ("secret",), ValueError("x"), hide_parameters=True)
    assert "secret" in str(shown)
    assert "secret" not in str(hidden)


def test_the_facts_of_an_error_are_none_until_they_are_known() -> None:
    error = errors.DatabaseLockedError("locked")
    assert (error.path, error.pid) == (None, None)
