"""Make pydantic models of a mapped class, and turn objects into them and back.

The rules:

* Types, constraints and descriptions (``mapped_column(doc=...)``) are those of the model.
* What an object has not loaded is left out of its schema: nothing is loaded for it. A relationship that is
  left out is ``pydantic_core.MISSING`` and does not appear when the schema is dumped.
* Values that come from an object are not validated, values that come from anywhere else are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import MISSING as NO_DEFAULT
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import pydantic
from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, PlainValidator, WrapValidator
from pydantic.functional_validators import ModelWrapValidatorHandler
from pydantic_core import MISSING
from sqlalchemy import Column, inspect
from sqlalchemy.orm import Mapper, RelationshipDirection, RelationshipProperty

from andamios_orm.core.errors import ConfigurationError, ValidationError
from andamios_orm.models._types.money import Money, read_number
from andamios_orm.models.annotations import ColumnField, column_fields, field_attributes, optional
from andamios_orm.models.serialization import chosen, loaded, related

__all__ = ["Mode", "ReadSchema", "read_object", "schema_for"]

Mode = Literal["create", "update", "read"]

_SCHEMAS = "__schemas__"
"""The attribute of a model: the schemas that were made of it, so that equal questions get one class."""

_RUN_VALIDATORS = (AfterValidator, BeforeValidator, PlainValidator, WrapValidator)


class _Wanted(NamedTuple):
    """What is asked of a schema.

    Attributes:
        mode: What it is for.
        include: The attributes that are wanted; None for those that fit the mode.
        exclude: Attributes that are left out.
        depth: How many relationships deep it is.
        inside: The name of the schema that it is a part of.
    """

    mode: Mode
    include: frozenset[str] | None
    exclude: frozenset[str]
    depth: int
    inside: str | None = None


class Schema(pydantic.BaseModel):
    """Base of all schemas.

    Attributes:
        __mapped__: The class that it was made of.
        __parts__: The schemas of relationships.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True, validate_by_name=True, validate_by_alias=True)
    __mapped__: ClassVar[type[Any]]
    __parts__: ClassVar[dict[str, type[Schema]]]


class ReadSchema(Schema):
    """Base of schemas that are read from objects."""

    model_config = ConfigDict(from_attributes=True)

    @pydantic.model_validator(mode="wrap")
    @classmethod
    def _from_object(cls, value: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        # Pydantic would read every attribute, and those that are not loaded cannot load themselves here.
        return read_object(cls, value) if isinstance(value, cls.__mapped__) else handler(value)


def schema_for(
    model: type[Any],
    mode: Mode = "read",
    *,
    include: Collection[str] | None = None,
    exclude: Collection[str] = (),
    depth: int = 0,
) -> type[pydantic.BaseModel]:
    """Make a pydantic model of a mapped class. Equal questions get the same class.

    * ``create`` has what a client gives for a new row: all columns but generated keys and read-only columns.
      What the database or the model can fill in is optional.
    * ``update`` has what a client may change: all columns but keys and read-only columns, all of them
      optional; what is not given is ``MISSING``.
    * ``read`` has everything, and reads objects: ``schema.model_validate(flight)``.

    A column is read-only if it is marked so, ``mapped_column(info={"read_only": True})``, has ``onupdate``,
    is computed, or holds the version or the kind of a row. Those of the mixins are marked. ``include`` makes
    one writable.

    Args:
        model: The mapped class.
        mode: What the schema is for.
        include: The attributes that are wanted, also those that the mode would leave out; None for all that
            fit the mode.
        exclude: Attributes that are left out.
        depth: How many relationships deep related objects are parts of it. A part does not refer back to its
            whole. An ``update`` has no parts.

    Raises:
        ConfigurationError: There is no such mode, or the model has no such attribute.
    """
    if mode not in ("create", "update", "read"):
        raise ConfigurationError(f"mode is 'create', 'update' or 'read', not {mode!r}")
    chosen(inspect(model), include, exclude)
    wanted = None if include is None else frozenset(include)
    return _schema(model, _Wanted(mode, wanted, frozenset(exclude), depth))


def read_object(schema: type[Schema], instance: Any) -> Any:
    """Read an object into a ``read`` schema of `schema_for`, as far as it is loaded.

    Raises:
        ValidationError: A column that must be there is not loaded.
    """
    present = loaded(inspect(instance))
    values, missing = {}, {}
    for name, field in schema.model_fields.items():
        if name in present:
            part = schema.__parts__.get(name)
            values[name] = present[name] if part is None else _read_part(part, present[name])
        elif field.is_required():
            missing[name] = "is not loaded: flush the session, or await session.refresh(obj)"
    if missing:
        raise ValidationError(type(instance).__name__, missing)
    return schema.model_construct(**values)


def _read_part(schema: type[Schema], value: Any) -> Any:
    if value is None:
        return None
    if hasattr(value, "_sa_adapter"):
        return [read_object(schema, other) for other in related(value)]
    return read_object(schema, value)


def _schema(model: type[Any], wanted: _Wanted) -> type[Schema]:
    known: dict[_Wanted, type[Schema]] = vars(model).get(_SCHEMAS, {})
    if wanted not in known:
        # A new dict, because the one that was found may be that of a parent class.
        setattr(model, _SCHEMAS, {**known, wanted: _made(model, wanted)})
    made: type[Schema] = vars(model)[_SCHEMAS][wanted]
    return made


def _made(model: type[Any], wanted: _Wanted) -> type[Schema]:
    mapper: Mapper[Any] = inspect(model)
    relationships = dict(_relationships(mapper, wanted))
    parts = {name: _part(model, relationship, wanted) for name, relationship in relationships.items()}
    fields: dict[str, Any] = {
        field.name: _field(field, wanted, relationships.values())
        for field in column_fields(model).values()
        if _is_wanted(field, mapper, wanted)
    }
    for name, relationship in relationships.items():
        whole = list[parts[name]] if relationship.uselist else optional(parts[name])  # type: ignore[valid-type] # made here
        fields[name] = (whole | MISSING, Field(default=MISSING, description=relationship.doc))
    made = pydantic.create_model(
        _name(model, wanted),
        __base__=ReadSchema if wanted.mode == "read" else Schema,
        __doc__=model.__doc__,
        __module__=model.__module__,
        **fields,
    )
    made.__mapped__, made.__parts__ = model, parts
    return made


def _name(model: type[Any], wanted: _Wanted) -> str:
    name = f"{model.__name__}{wanted.mode.title()}"
    return name if wanted.inside is None else f"{name}In{wanted.inside}"


def _relationships(mapper: Mapper[Any], wanted: _Wanted) -> Iterator[tuple[str, RelationshipProperty[Any]]]:
    if wanted.mode == "update" or not wanted.depth:
        return
    for name, relationship in mapper.relationships.items():
        left_out = name in wanted.exclude or (wanted.include is not None and name not in wanted.include)
        unreadable = relationship.lazy in ("dynamic", "write_only")
        unwritable = relationship.viewonly and wanted.mode == "create"
        if not (left_out or unreadable or unwritable):
            yield name, relationship


def _part(model: type[Any], relationship: RelationshipProperty[Any], wanted: _Wanted) -> type[Schema]:
    other = relationship.mapper
    back = {reverse.key for reverse in relationship._reverse_property} if wanted.depth > 1 else set()
    if wanted.mode == "create" and relationship.direction is RelationshipDirection.ONETOMANY:
        # The columns of a part that refer to the whole are filled with the key of the whole.
        back |= {other.get_property_by_column(column).key for column in relationship.remote_side}
    inside = _name(model, wanted) if back else None
    return _schema(other.class_, _Wanted(wanted.mode, None, frozenset(back), wanted.depth - 1, inside))


def _is_wanted(field: ColumnField, mapper: Mapper[Any], wanted: _Wanted) -> bool:
    if field.name in wanted.exclude:
        return False
    if wanted.include is not None:
        return field.name in wanted.include
    if wanted.mode == "read":
        return True
    is_key = field.column.primary_key and (field.generated or wanted.mode == "update")
    return not (is_key or _is_read_only(field.column, mapper))


def _is_read_only(column: Column[Any], mapper: Mapper[Any]) -> bool:
    return (
        column.onupdate is not None
        or column.server_onupdate is not None
        or any(column is own for own in (mapper.version_id_col, mapper.polymorphic_on))
        or bool(column.info.get("read_only"))
    )


def _field(
    field: ColumnField, wanted: _Wanted, relationships: Iterable[RelationshipProperty[Any]]
) -> tuple[Any, Any]:
    column = field.column
    said = {"description": column.doc or column.comment, **field_attributes(field.annotation)}
    if wanted.mode == "read":
        kind, default = field.values(without=_RUN_VALIDATORS), MISSING if field.attribute.deferred else ...
    else:
        kind, default = _written(field), _default(field, wanted, relationships)
    return (kind | MISSING if default is MISSING else kind), Field(default=default, **said)


def _written(field: ColumnField) -> Any:
    type_ = field.column.type
    if not isinstance(type_, Money):
        return field.values()
    return Annotated[field.values(), WrapValidator(type_.validate), BeforeValidator(read_number)]


def _default(field: ColumnField, wanted: _Wanted, relationships: Iterable[RelationshipProperty[Any]]) -> Any:
    default: Any = field.column.default
    comes_from_other = any(field.column in relationship.local_columns for relationship in relationships)
    if wanted.mode == "update" or (comes_from_other and field.column.foreign_keys):
        return MISSING
    if default is not None and default.is_scalar:
        return default.arg
    if field.generated or _is_made_with_objects(field):
        return MISSING
    return None if field.column.nullable else ...


def _is_made_with_objects(field: ColumnField) -> bool:
    # The `default_factory` of a dataclass.
    known = getattr(field.attribute.parent.class_, "__dataclass_fields__", {}).get(field.name)
    return known is not None and known.default_factory is not NO_DEFAULT
