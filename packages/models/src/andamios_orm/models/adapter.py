"""Turn objects into pydantic models, and pydantic models into objects."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import is_dataclass
from inspect import Parameter, signature
from typing import Any, Generic, TypeVar, overload

import pydantic
from pydantic_core import MISSING
from sqlalchemy import inspect
from sqlalchemy.orm import Mapper
from sqlalchemy.orm.base import DONT_SET
from sqlalchemy.orm.collections import collection_adapter

from andamios_orm.core.errors import ConfigurationError, ValidationError
from andamios_orm.models.rules import told_by
from andamios_orm.models.schemas import ReadSchema, read_object, schema_for
from andamios_orm.models.serialization import to_dict
from andamios_orm.models.validation import set_checked

__all__ = ["PydanticModelAdapter"]

_NAMED = (Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY)
"""The kinds of parameters that can be given by their names."""

M = TypeVar("M")
S = TypeVar("S", bound=pydantic.BaseModel)


class PydanticModelAdapter(Generic[M]):
    """Turn objects of one model into pydantic models, and back.

    Args:
        model: The mapped class.
        include: The attributes that are read; None for all.
        exclude: Attributes that are not read.
        depth: How many relationships deep related objects are read, where they are loaded.

    Raises:
        ConfigurationError: The model has no such attribute.
    """

    def __init__(
        self,
        model: type[M],
        *,
        include: Collection[str] | None = None,
        exclude: Collection[str] = (),
        depth: int = 0,
    ) -> None:
        self.model = model
        self.schema = schema_for(model, "read", include=include, exclude=exclude, depth=depth)
        self._chosen: dict[str, Any] = {"include": include, "exclude": exclude, "depth": depth}

    @overload
    def to_pydantic(self, obj: M) -> pydantic.BaseModel: ...
    @overload
    def to_pydantic(self, obj: M, schema: type[S]) -> S: ...
    def to_pydantic(self, obj: M, schema: type[Any] | None = None) -> Any:
        """Read an object, as far as it is loaded; nothing is loaded for it.

        Args:
            obj: The object.
            schema: A pydantic model of your own, which validates what is read; by default ``self.schema``,
                made by `schema_for`.

        Raises:
            ValidationError: A column that must be there is not loaded, or the schema refuses a value.
        """
        schema = schema or self.schema
        if issubclass(schema, ReadSchema):
            return read_object(schema, obj)
        try:
            return schema.model_validate(to_dict(obj, **self._chosen))
        except pydantic.ValidationError as error:
            raise ValidationError(schema.__name__, told_by(error)) from None

    def from_pydantic(self, schema: pydantic.BaseModel, into: M | None = None) -> M:
        """Make an object of a pydantic model, or change one.

        All values are validated before one is set. Fields that were not given are left to the model's
        defaults, unless the schema has a default of its own; of an object that is changed they stay as they
        are. Parts become related objects of a new one. What the constructor of a dataclass does not take is
        set afterwards.

        Args:
            schema: The pydantic model. A field that is no attribute of the model needs
                ``Field(exclude=True)``.
            into: The object that is changed; None to make a new one.

        Raises:
            ConfigurationError: A field is no attribute of the model, or would replace related objects; or the
                constructor needs an argument that the schema does not have.
            ValidationError: The model refuses a value, or the constructor needs one that was not given.
        """
        if into is None:
            made: M = _made(self.model, schema)
            return made
        values = _values(self.model, schema)
        given = {name: values[name] for name in values if name in schema.model_fields_set}
        mapper: Mapper[Any] = inspect(self.model)
        parts = sorted(given.keys() & set(mapper.relationships.keys()))
        if parts:
            raise ConfigurationError(
                f"{type(schema).__name__}.{parts[0]} would replace related objects: change them one by one, "
                "and leave the field out"
            )
        set_checked(into, given, _assign)
        return into


def _made(model: type[Any], schema: pydantic.BaseModel) -> Any:
    relationships = inspect(model).relationships
    _, *parameters = signature(model.__init__).parameters.values()
    needed = {each.name for each in parameters if each.default is each.empty and each.kind in _NAMED}
    values = _values(model, schema, needed)
    parts = {name: values.pop(name) for name in values.keys() & set(relationships.keys())}
    others = {name: _others(relationships[name].mapper.class_, part) for name, part in parts.items()}
    lists = {name: others.pop(name) for name, other in parts.items() if isinstance(other, list)}
    given = values | others
    if is_dataclass(model):
        # A related object that its constructor asks for may come later: it may be the one that this is a part
        # of. The attribute stays unset until then.
        given |= dict.fromkeys((needed & set(relationships.keys())) - given.keys(), DONT_SET)
    _refuse_missing(model, schema, needed - given.keys())
    made = _constructed(model, parameters, given)
    for name, members in lists.items():
        # The adapter of a collection appends to lists, sets and dicts alike.
        for member in members:
            collection_adapter(getattr(made, name)).append_with_event(member)
    return made


def _constructed(model: type[Any], parameters: list[Parameter], values: dict[str, Any]) -> Any:
    if any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters):
        return model(**values)
    taken = {parameter.name for parameter in parameters}
    arguments = {name: value for name, value in values.items() if name in taken}
    others = {name: value for name, value in values.items() if name not in taken}
    rules = getattr(model, "__rules__", None)
    if others and rules is not None:
        # Beforehand and together, so that an error names all values that are refused.
        rules.checked(values)
    made = model(**arguments)
    set_checked(made, others, _assign)
    return made


def _refuse_missing(model: type[Any], schema: pydantic.BaseModel, names: set[str]) -> None:
    unknown = sorted(names - type(schema).model_fields.keys())
    if unknown:
        raise ConfigurationError(
            f"the constructor of {model.__name__} needs {', '.join(unknown)}, and {type(schema).__name__} "
            "has no such field: add it, or give it a default in the model"
        )
    if names:
        raise ValidationError(
            model.__name__, dict.fromkeys(sorted(names), "is missing: the constructor needs it")
        )


def _assign(instance: object, **values: Any) -> None:
    for name, value in values.items():
        setattr(instance, name, value)


def _others(model: type[Any], part: Any) -> Any:
    if part is None:
        return None
    return [_made(model, each) for each in part] if isinstance(part, list) else _made(model, part)


def _values(model: type[Any], schema: pydantic.BaseModel, needed: Collection[str] = ()) -> dict[str, Any]:
    values = {name: getattr(schema, name) for name in _attributes(model, type(schema))}
    given = schema.model_fields_set
    return {
        name: value
        for name, value in values.items()
        if value is not MISSING and (name in given or name in needed or value is not None)
    }


def _attributes(model: type[Any], schema: type[pydantic.BaseModel]) -> list[str]:
    known = inspect(model).attrs
    for name, field in schema.model_fields.items():
        if name not in known and not field.exclude:
            raise ConfigurationError(
                f"{schema.__name__}.{name} is no attribute of {model.__name__}: declare it with "
                "Field(exclude=True), and read it yourself"
            )
    return [name for name in schema.model_fields if name in known]
