"""Objects of a model, made of what callers give, and checked before they are written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from inspect import signature
from typing import Any, TypeVar

import pydantic
from pydantic_core import MISSING
from sqlalchemy import inspect
from sqlalchemy.orm import InstanceState
from sqlalchemy.orm.base import DONT_SET

from andamios_orm.core import AsyncSession
from andamios_orm.core.errors import ConfigurationError, StaleVersionError
from andamios_orm.models import PydanticModelAdapter
from andamios_orm.models.validation import set_checked
from andamios_orm.models.versioning.rows import VersionedRow
from andamios_orm.queries import UnknownNameError
from andamios_orm.repositories.keys import version_names

__all__ = ["assign", "checked", "fresh", "given_values", "held", "made", "without"]

T = TypeVar("T")


def given_values(model: type[Any], given: Any, *, defaults: bool = False) -> Mapping[str, Any]:
    """Return what was given for an object, by the names of attributes.

    Args:
        model: The mapped class.
        given: A dict, a pydantic model, of which the fields count that were given, or None.
        defaults: Whether the defaults of the fields count as well, as far as they are not None.

    Raises:
        ConfigurationError: It is something else, or a field is no attribute of the model.
    """
    if isinstance(given, pydantic.BaseModel):
        _refuse_fields(model, given)
        values = {name: getattr(given, name) for name in type(given).model_fields}
        return {
            name: value
            for name, value in values.items()
            if value is not MISSING
            and (name in given.model_fields_set or (defaults and value is not None))
            and name in inspect(model).attrs
        }
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            f"give a {model.__name__}, a dict, a pydantic model or values by name, not {given!r}"
        )
    return given


def without(given: Any, names: Collection[str]) -> Any:
    """Return a dict, a pydantic model or None without some of its values."""
    if isinstance(given, pydantic.BaseModel):
        return given.model_copy(update={name: MISSING for name in names if name in type(given).model_fields})
    return given and {name: value for name, value in given.items() if name not in names}


def made(
    model: type[T], given: Any, values: Mapping[str, Any], later: Collection[str] = (), path: str = ""
) -> T:
    """Return a new object of what was given for it.

    Args:
        model: The mapped class.
        given: A dict, a pydantic model, or None.
        values: Further values, by the names of attributes.
        later: Relationships that are set afterwards, which the constructor does not wait for.
        path: Where it stands in what was given, for errors.

    Raises:
        ConfigurationError: It is something else.
        UnknownNameError: The model has no such attribute.
        ValidationError: The model refuses a value.
    """
    if isinstance(given, pydantic.BaseModel):
        new = PydanticModelAdapter(model).from_pydantic(given)
        assign(new, checked(model, new, None, values, path))
        return new
    named = {**given_values(model, given), **values}
    _refuse_unknown(model, named, path)
    awaited = set(later) & signature(model.__init__).parameters.keys() if later else ()
    return model(**named, **dict.fromkeys(awaited, DONT_SET))


def checked(
    model: type[T], entity: T, given: Any, values: Mapping[str, Any], path: str = ""
) -> dict[str, Any]:
    """Return the values that an object is to get; all of them are validated, and none is set.

    Args:
        model: The mapped class.
        entity: The object.
        given: A dict, a pydantic model, or None.
        values: Further values, by the names of attributes.
        path: Where it stands in what was given, for errors.

    Raises:
        ConfigurationError: It is something else.
        StaleVersionError: It is given a version that it does not have.
        UnknownNameError: The model has no such attribute.
        ValidationError: The model refuses a value.
    """
    new = {**given_values(model, given), **values}
    _refuse_unknown(model, new, path)
    _refuse_stale(model, entity, new)
    set_checked(entity, new, _leave)
    return new


def assign(entity: Any, values: Mapping[str, Any]) -> None:
    """Set values that were checked."""
    set_checked(entity, dict(values), _assign)


def _refuse_stale(model: type[Any], entity: Any, given: Mapping[str, Any]) -> None:
    # A version that is given is the one that the caller has read.
    for name in version_names(model):
        expected = given.get(name)
        if expected is None or not inspect(entity).persistent:
            continue
        found = getattr(entity, name)
        if expected != found:
            error = StaleVersionError("")
            VersionedRow(inspect(model), inspect(entity).identity, expected).describe(error, found)
            raise error


def _leave(entity: Any, **values: Any) -> None:
    # They are set when everything that belongs to them is validated.
    return None


def _assign(entity: Any, **values: Any) -> None:
    for name, value in values.items():
        setattr(entity, name, value)


def fresh(entity: T) -> T:
    """Return an object that has no row.

    Raises:
        ConfigurationError: It has one already.
    """
    state: InstanceState[Any] = inspect(entity)
    if not state.transient and not state.pending:
        raise ConfigurationError(f"this {type(entity).__name__} has a row already: change it with update()")
    return entity


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


def _refuse_fields(model: type[Any], schema: pydantic.BaseModel) -> None:
    known = inspect(model).attrs
    for name, field in type(schema).model_fields.items():
        if name not in known and not field.exclude:
            raise ConfigurationError(
                f"{type(schema).__name__}.{name} is no attribute of {model.__name__}: declare it with "
                "Field(exclude=True), and read it yourself"
            )


def _refuse_unknown(model: type[Any], values: Mapping[str, Any], path: str) -> None:
    known = inspect(model).all_orm_descriptors.keys()
    for name in values:
        if name not in known:
            place = f", in {path}.{name}" if path else ""
            raise UnknownNameError(name, f"attribute of {model.__name__}{place}", known)
