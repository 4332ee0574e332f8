"""Objects of a model, made of what callers give, and checked before they are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import pydantic
from sqlalchemy import inspect
from sqlalchemy.orm import InstanceState

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError, StaleVersionError
from andamios_orm.models import PydanticModelAdapter
from andamios_orm.models.validation import set_checked
from andamios_orm.models.versioning.rows import VersionedRow
from andamios_orm.queries import UnknownNameError
from andamios_orm.repositories.keys import version_names

__all__ = ["changed", "held", "made"]

T = TypeVar("T")


def made(model: type[T], given: Any, values: Mapping[str, Any]) -> T:
    """Return an object of what was given for it.

    Args:
        model: The mapped class.
        given: A new object, a dict, a pydantic model, or None.
        values: Further values, by the names of attributes.

    Raises:
        ConfigurationError: It is something else, an object of another model, or one that has a row already.
        UnknownNameError: The model has no such attribute.
        ValidationError: The model refuses a value.
    """
    if isinstance(given, model):
        if not inspect(given).transient and not inspect(given).pending:
            raise ConfigurationError(f"this {model.__name__} has a row already: change it with update()")
        return changed(model, given, None, values)
    if isinstance(given, pydantic.BaseModel):
        return changed(model, PydanticModelAdapter(model).from_pydantic(given), None, values)
    given = _mapping(model, given)
    _refuse_unknown(model, {**given, **values})
    return model(**{**given, **values})


def changed(model: type[T], entity: T, given: Any, values: Mapping[str, Any]) -> T:
    """Return an object after it got new values; all of them are validated before one is set.

    Args:
        model: The mapped class.
        entity: The object.
        given: A dict, a pydantic model, or None.
        values: Further values, by the names of attributes.

    Raises:
        ConfigurationError: It is something else.
        StaleVersionError: It is given a version that it does not have.
        UnknownNameError: The model has no such attribute.
        ValidationError: The model refuses a value.
    """
    schema = given if isinstance(given, pydantic.BaseModel) else None
    new = {**_mapping(model, None if schema else given), **values}
    _refuse_unknown(model, new)
    _refuse_stale(model, entity, {**({} if schema is None else dict(schema)), **new})
    if schema is not None:
        set_checked(entity, new, _leave)
        PydanticModelAdapter(model).from_pydantic(schema, into=entity)
    set_checked(entity, new, _assign)
    return entity


def _refuse_stale(model: type[Any], entity: Any, given: Mapping[str, Any]) -> None:
    # A version that is given is the one that the caller has read.
    for name in version_names(model):
        found, expected = getattr(entity, name), given.get(name)
        if expected not in (None, found) and inspect(entity).persistent:
            error = StaleVersionError("")
            VersionedRow(inspect(model), inspect(entity).identity, expected).describe(error, found)
            raise error


def _leave(entity: Any, **values: Any) -> None:
    # What is to be set behind others is validated before them.
    return None


def _assign(entity: Any, **values: Any) -> None:
    for name, value in values.items():
        setattr(entity, name, value)


def held(model: type[T], entity: T, session: AsyncSession) -> T:
    """Return an object that a session holds, and has a row.

    Raises:
        ConfigurationError: It has none, or belongs to no session or to another one.
    """
    state: InstanceState[Any] = inspect(entity)
    name = model.__name__
    if state.transient or state.pending:
        raise ConfigurationError(f"this {name} is new: write it with create()")
    if entity not in session:
        raise ConfigurationError(
            f"this {name} belongs to another session, or to none: find it in this one, or give "
            "`await session.merge(...)` of it"
        )
    return entity


def _mapping(model: type[Any], given: Any) -> Mapping[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            f"give a {model.__name__}, a dict, a pydantic model or values by name, not {given!r}"
        )
    return given


def _refuse_unknown(model: type[Any], values: Mapping[str, Any]) -> None:
    known = inspect(model).all_orm_descriptors.keys()
    for name in values:
        if name not in known:
            raise UnknownNameError(name, f"attribute of {model.__name__}", known)
