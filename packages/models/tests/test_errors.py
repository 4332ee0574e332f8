"""What the errors of models are, and what they carry."""

from __future__ import annotations

import pickle

import pytest
from sqlalchemy import exc
from sqlalchemy.orm.exc import StaleDataError

from andamios_orm.core import AndamiosError, IntegrityError, StaleVersionError, TransactionConflictError
from andamios_orm.models.errors import LazyLoadError, StaleConflictError


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (LazyLoadError, AndamiosError),
        (LazyLoadError, exc.MissingGreenlet),
        (StaleConflictError, StaleVersionError),
        (StaleConflictError, TransactionConflictError),
        (StaleConflictError, IntegrityError),
        (StaleConflictError, StaleDataError),
        (StaleConflictError, exc.OperationalError),
    ],
)
def test_they_hang_on_the_tree(error: type[Exception], kind: type[Exception]) -> None:
    assert issubclass(error, kind)


def test_only_the_conflict_is_worth_a_retry() -> None:
    assert StaleConflictError.retryable
    assert not StaleVersionError.retryable
    assert not LazyLoadError.retryable


def test_a_lazy_load_is_pickled() -> None:
    error = LazyLoadError("Document", "project", "joinedload")
    revived = pickle.loads(pickle.dumps(error))
    assert (str(revived), revived.model, revived.attribute) == (str(error), "Document", "project")


def test_a_conflict_is_pickled() -> None:
    error = StaleConflictError("gone")
    error.model, error.key, error.expected = "Document", 1, 3
    revived = pickle.loads(pickle.dumps(error))
    assert type(revived) is StaleConflictError
    assert (str(revived), revived.model, revived.key, revived.expected) == (str(error), "Document", 1, 3)
