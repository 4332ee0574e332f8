"""What there is to say about a model: its table, columns and relationships."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table, UniqueConstraint, inspect
from sqlalchemy.exc import CompileError, SQLAlchemyError
from sqlalchemy.orm import DeclarativeBase, Mapper, RelationshipProperty

from andamios_orm.core.dialect.dialect import AndamiosDialect
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models._read_only import ReadOnlyTable
from andamios_orm.models.declarative import BaseModel
from andamios_orm.models.files import FileTable
from andamios_orm.models.views import ViewModel

__all__ = [
    "ColumnDescription",
    "ForeignKeyDescription",
    "ModelDescription",
    "RelationshipDescription",
    "describe",
]

_DIALECT = AndamiosDialect()


@dataclass(frozen=True)
class ColumnDescription:
    """A column.

    Attributes:
        name: The attribute of the model.
        column: The column of the table.
        type: Its type, as DuckDB names it.
        primary_key: Whether it is part of the key.
        unique: Whether no two rows have the same value, by a constraint on this column alone.
        nullable: Whether it may be NULL.
        default: Where a value comes from that is not given; None where nothing is said.
        references: The columns that its foreign keys lead to.
        comment: What is said about it.
    """

    name: str
    column: str
    type: str
    primary_key: bool
    unique: bool
    nullable: bool
    default: str | None
    references: Sequence[str]
    comment: str | None


@dataclass(frozen=True)
class ForeignKeyDescription:
    """A foreign key.

    Attributes:
        columns: Its columns.
        table: The table that it leads to, with the schema where there is one.
        targets: The columns there.
        on_delete: What becomes of a row when the one that it refers to is deleted, if that is declared.
    """

    columns: Sequence[str]
    table: str
    targets: Sequence[str]
    on_delete: str | None


@dataclass(frozen=True)
class RelationshipDescription:
    """A relationship.

    Attributes:
        name: The attribute.
        target: The model that it leads to.
        kind: ``many to one``, ``one to many``, ``one to one`` or ``many to many``.
        back: The attribute of the other side, if there is one.
    """

    name: str
    target: str
    kind: str
    back: str | None


@dataclass(frozen=True)
class ModelDescription:
    """A model.

    Attributes:
        name: The class.
        module: Where it is defined.
        table: Its table or view, with the schema where there is one.
        reads: The files or the query that its rows come from; None where they are those of a table.
        comment: What is said about the table.
        mixins: The mixins that it has.
        columns: Its columns, in the order of the table.
        foreign_keys: Its foreign keys.
        relationships: Its relationships.
    """

    name: str
    module: str
    table: str
    reads: str | None
    comment: str | None
    mixins: Sequence[str]
    columns: Sequence[ColumnDescription]
    foreign_keys: Sequence[ForeignKeyDescription]
    relationships: Sequence[RelationshipDescription]


def describe(model: type[Any]) -> ModelDescription:
    """Return what there is to say about a mapped class; its mapper is configured.

    Raises:
        ConfigurationError: It cannot be configured, for example because a relationship leads nowhere.
    """
    mapper: Mapper[Any] = inspect(model)
    try:
        mapper.registry.configure(cascade=True)
    except SQLAlchemyError as error:
        raise ConfigurationError(f"{model.__name__} cannot be used: {error}") from error
    table: Any = mapper.local_table
    return ModelDescription(
        model.__name__,
        model.__module__,
        getattr(table, "fullname", str(table.description)),
        _reads(model, table),
        getattr(table, "comment", None),
        [mixin.__name__ for mixin in _mixins(model)],
        list(_columns(mapper)),
        list(_foreign_keys(table)),
        [_relationship(relationship) for relationship in mapper.relationships],
    )


def _reads(model: type[Any], table: Any) -> str | None:
    if isinstance(table, FileTable):
        return str(table.source)
    if issubclass(model, ViewModel):
        return _sql(model.__query__)
    return None


def _sql(expression: Any) -> str:
    """Return an expression or a query as DuckDB would be asked it, in one line."""
    compiled = expression.compile(dialect=_DIALECT, compile_kwargs={"literal_binds": True})
    return " ".join(str(compiled).split())


def _mixins(model: type[Any]) -> Iterator[type[Any]]:
    found = [
        owner
        for owner in model.__mro__
        if owner not in BaseModel.__mro__
        and not issubclass(owner, DeclarativeBase)
        and inspect(owner, raiseerr=False) is None
    ]
    # Not what others of them are made of.
    for mixin in found:
        if not any(other is not mixin and issubclass(other, mixin) for other in found):
            yield mixin


def _columns(mapper: Mapper[Any]) -> Iterator[ColumnDescription]:
    names = {column: attribute.key for attribute in mapper.column_attrs for column in attribute.columns}
    table: Any = mapper.local_table
    for column in table.columns:
        if isinstance(column, Column) and column in names:
            yield ColumnDescription(
                names[column],
                column.name,
                _type(column),
                column.primary_key,
                _is_unique(column),
                bool(column.nullable),
                ", ".join(_defaults(column)) or None,
                sorted(key.target_fullname for key in column.foreign_keys),
                column.comment,
            )


def _foreign_keys(table: Any) -> Iterator[ForeignKeyDescription]:
    # A table that is read only has none that is checked, but its columns tell how to join.
    found = {key.constraint: None for column in table.columns for key in column.foreign_keys}
    for constraint in found:
        targets = [key.target_fullname.rpartition(".") for key in constraint.elements]
        columns = [key.parent.name for key in constraint.elements]
        yield ForeignKeyDescription(
            columns, targets[0][0], [name for *_, name in targets], constraint.ondelete
        )


def _type(column: Column[Any]) -> str:
    try:
        name: str = _DIALECT.type_compiler_instance.process(column.type, inline_enums=True)
    except CompileError:
        return repr(column.type)
    return name


def _is_unique(column: Column[Any]) -> bool:
    others = column.table.constraints if isinstance(column.table, Table) else ()
    alone = any(isinstance(one, UniqueConstraint) and list(one.columns) == [column] for one in others)
    return bool(column.unique) or alone


def _defaults(column: Column[Any]) -> Iterator[str]:
    if isinstance(column.table, ReadOnlyTable):
        return
    if column.computed is not None:
        yield f"computed: {_sql(column.computed.sqltext)}"
    elif column.identity is not None or _is_generated(column):
        yield "generated"
    elif column.server_default is not None:
        yield _server_default(column)
    if column.default is not None:
        yield _default(column.default)
    if column.onupdate is not None:
        yield f"on update: {_default(column.onupdate)}"


def _is_generated(column: Column[Any]) -> bool:
    table: Any = column.table
    return isinstance(table, Table) and column is table.autoincrement_column and column.default is None


def _default(default: Any) -> str:
    if default.is_sequence:
        return f"sequence {default.name}"
    if default.is_callable:
        return f"{default.arg.__name__}()"
    return _sql(default.arg) if default.is_clause_element else repr(default.arg)


def _server_default(column: Column[Any]) -> str:
    default: Any = column.server_default
    found = getattr(default, "arg", None)
    if found is None:
        return "made by the database"
    return repr(found) if isinstance(found, str) else _sql(found)


def _relationship(relationship: RelationshipProperty[Any]) -> RelationshipDescription:
    kind = relationship.direction.name.lower().replace("to", " to ")
    if kind == "one to many" and not relationship.uselist:
        kind = "one to one"
    back = next(iter(relationship._reverse_property), None)
    target = relationship.mapper.class_.__name__
    return RelationshipDescription(relationship.key, target, kind, None if back is None else back.key)
