"""Reflection: what SQLAlchemy asks a dialect about existing tables, answered from DuckDB's catalog.

Each question is one statement for any number of tables; a question about one table is the same with one name.

What the engine does not keep is not made up. A constraint has no name: those in the catalog are composed from
the names of the table and its columns, several constraints may share one, and no statement accepts them. A
foreign key has no actions, a VARCHAR no length, and the type of an ENUM column has labels but no name.
"""

from __future__ import annotations

from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.engine import reflection
from sqlalchemy.engine.reflection import ObjectKind, ObjectScope
from sqlalchemy.exc import NoSuchTableError

from andamios_orm.core.dialect import catalog, catalog_rows
from andamios_orm.core.dialect.catalog_text import fold
from andamios_orm.core.dialect.identifiers import join_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from sqlalchemy import Connection, Select
    from sqlalchemy.engine.interfaces import (
        ReflectedCheckConstraint,
        ReflectedColumn,
        ReflectedForeignKeyConstraint,
        ReflectedIndex,
        ReflectedPrimaryKeyConstraint,
        ReflectedTableComment,
        ReflectedUniqueConstraint,
        TableKey,
    )

__all__ = ["DuckDBInspector", "DuckDBReflection"]

_Answer = TypeVar("_Answer")


class DuckDBInspector(reflection.Inspector):
    """Inspect a DuckDB database."""

    def get_enums(self, schema: str | None = None) -> list[dict[str, Any]]:
        """Return the enum types that were created by name: ``name``, ``schema`` and ``labels`` of each.

        Args:
            schema: Where to look, ``None`` for the current schema.
        """
        with self._operation_context() as connection:
            rows = connection.execute(catalog.ENUMS, catalog.schema_parameters(schema))
            return [{"name": row.type_name, "schema": row.schema_name, "labels": row.labels} for row in rows]


class _NameReflection:
    """Answer what there is."""

    def _names(
        self, connection: Connection, schema: str | None, scope: ObjectScope, kind: ObjectKind
    ) -> list[str]:
        parameters = catalog.relation_parameters(schema, None, scope, kind)
        return [row.name for row in connection.execute(catalog.RELATIONS, parameters)]

    @reflection.cache
    def get_table_names(self, connection: Connection, schema: str | None = None, **kw: Any) -> list[str]:
        """Return the names of the permanent tables of a schema."""
        return self._names(connection, schema, ObjectScope.DEFAULT, ObjectKind.TABLE)

    @reflection.cache
    def get_temp_table_names(self, connection: Connection, schema: str | None = None, **kw: Any) -> list[str]:
        """Return the names of the connection's temporary tables."""
        return self._names(connection, schema, ObjectScope.TEMPORARY, ObjectKind.TABLE)

    @reflection.cache
    def get_view_names(self, connection: Connection, schema: str | None = None, **kw: Any) -> list[str]:
        """Return the names of the permanent views of a schema."""
        return self._names(connection, schema, ObjectScope.DEFAULT, ObjectKind.VIEW)

    @reflection.cache
    def get_temp_view_names(self, connection: Connection, schema: str | None = None, **kw: Any) -> list[str]:
        """Return the names of the connection's temporary views."""
        return self._names(connection, schema, ObjectScope.TEMPORARY, ObjectKind.VIEW)

    def get_materialized_view_names(
        self, connection: Connection, schema: str | None = None, **kw: Any
    ) -> list[str]:
        """Return nothing: DuckDB has no materialized views."""
        return []

    @reflection.cache
    def get_schema_names(self, connection: Connection, **kw: Any) -> list[str]:
        """Return the schemas: those of the current catalog by name, those of others as ``catalog.schema``."""
        rows = connection.execute(catalog.SCHEMAS)
        return [join_schema(None if row.is_current else row.database_name, row.schema_name) for row in rows]

    @reflection.cache
    def get_sequence_names(self, connection: Connection, schema: str | None = None, **kw: Any) -> list[str]:
        """Return the names of the sequences of a schema, those of generated keys among them."""
        return list(connection.scalars(catalog.SEQUENCES, catalog.schema_parameters(schema)))

    @reflection.cache
    def has_schema(self, connection: Connection, schema_name: str, **kw: Any) -> bool:
        """Tell whether there is such a schema."""
        return connection.scalar(catalog.ASKED_SCHEMA, catalog.schema_parameters(schema_name)) is not None

    @reflection.cache
    def has_sequence(
        self, connection: Connection, sequence_name: str, schema: str | None = None, **kw: Any
    ) -> bool:
        """Tell whether there is such a sequence."""
        names = connection.scalars(catalog.SEQUENCES, catalog.schema_parameters(schema))
        return fold(sequence_name) in {fold(name) for name in names}

    def has_multi_table(
        self, connection: Connection, table_names: Sequence[str], schema: str | None = None, **kw: Any
    ) -> Iterable[tuple[TableKey, bool]]:
        """Tell of each name whether there is such a table or view, temporary ones included."""
        parameters = catalog.relation_parameters(schema, table_names, ObjectScope.ANY, ObjectKind.ANY)
        found = {row.name for row in connection.execute(catalog.RELATIONS, parameters)}
        return [((schema, name), name in found) for name in table_names]

    @reflection.cache
    def has_table(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> bool:
        """Tell whether there is such a table or view, temporary ones included."""
        [(_, found)] = self.has_multi_table(connection, [table_name], schema)
        return found


class _TableReflection:
    """Answer what tables and views consist of."""

    def get_multi_columns(
        self, connection: Connection, **kw: Any
    ) -> Iterable[tuple[TableKey, list[ReflectedColumn]]]:
        """Return the columns of relations."""
        return _ask(connection, catalog.COLUMNS, catalog_rows.columns, **kw)

    def get_multi_pk_constraint(
        self, connection: Connection, **kw: Any
    ) -> Iterable[tuple[TableKey, ReflectedPrimaryKeyConstraint]]:
        """Return the primary keys of relations."""
        return _ask(connection, catalog.CONSTRAINTS, catalog_rows.primary_key, type="PRIMARY KEY", **kw)

    def get_multi_foreign_keys(
        self, connection: Connection, schema: str | None = None, **kw: Any
    ) -> Iterable[tuple[TableKey, list[ReflectedForeignKeyConstraint]]]:
        """Return the foreign keys of relations; the engine's never leave their schema."""
        read = partial(catalog_rows.foreign_keys, schema=schema)
        return _ask(connection, catalog.CONSTRAINTS, read, schema=schema, type="FOREIGN KEY", **kw)

    def get_multi_unique_constraints(
        self, connection: Connection, **kw: Any
    ) -> Iterable[tuple[TableKey, list[ReflectedUniqueConstraint]]]:
        """Return the unique constraints of relations; unique indexes are not among them."""
        return _ask(connection, catalog.CONSTRAINTS, catalog_rows.unique_constraints, type="UNIQUE", **kw)

    def get_multi_check_constraints(
        self, connection: Connection, **kw: Any
    ) -> Iterable[tuple[TableKey, list[ReflectedCheckConstraint]]]:
        """Return the check constraints of relations, those of columns and those of tables."""
        return _ask(connection, catalog.CONSTRAINTS, catalog_rows.check_constraints, type="CHECK", **kw)

    def get_multi_indexes(
        self, connection: Connection, **kw: Any
    ) -> Iterable[tuple[TableKey, list[ReflectedIndex]]]:
        """Return the indexes of relations; those behind constraints are not among them."""
        return _ask(connection, catalog.INDEXES, catalog_rows.indexes, **kw)

    def get_multi_table_comment(
        self, connection: Connection, **kw: Any
    ) -> Iterable[tuple[TableKey, ReflectedTableComment]]:
        """Return the comments on relations."""
        return _ask(connection, catalog.RELATIONS, catalog_rows.comment, **kw)

    def get_multi_table_options(
        self, connection: Connection, **kw: Any
    ) -> Iterable[tuple[TableKey, dict[str, Any]]]:
        """Return no option for each relation: DuckDB's tables have none."""
        return _ask(connection, catalog.RELATIONS, catalog_rows.options, **kw)

    @reflection.cache
    def get_columns(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[ReflectedColumn]:
        """Return the columns of a relation."""
        return _only(self.get_multi_columns, connection, table_name, schema)

    @reflection.cache
    def get_pk_constraint(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> ReflectedPrimaryKeyConstraint:
        """Return the primary key of a relation."""
        return _only(self.get_multi_pk_constraint, connection, table_name, schema)

    @reflection.cache
    def get_foreign_keys(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[ReflectedForeignKeyConstraint]:
        """Return the foreign keys of a relation."""
        return _only(self.get_multi_foreign_keys, connection, table_name, schema)

    @reflection.cache
    def get_unique_constraints(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[ReflectedUniqueConstraint]:
        """Return the unique constraints of a relation."""
        return _only(self.get_multi_unique_constraints, connection, table_name, schema)

    @reflection.cache
    def get_check_constraints(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[ReflectedCheckConstraint]:
        """Return the check constraints of a relation."""
        return _only(self.get_multi_check_constraints, connection, table_name, schema)

    @reflection.cache
    def get_indexes(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> list[ReflectedIndex]:
        """Return the indexes of a relation."""
        return _only(self.get_multi_indexes, connection, table_name, schema)

    @reflection.cache
    def get_table_comment(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> ReflectedTableComment:
        """Return the comment on a relation."""
        return _only(self.get_multi_table_comment, connection, table_name, schema)

    @reflection.cache
    def get_table_options(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> dict[str, Any]:
        """Return no option of a relation: DuckDB's tables have none."""
        return _only(self.get_multi_table_options, connection, table_name, schema)

    @reflection.cache
    def get_view_definition(
        self, connection: Connection, view_name: str, schema: str | None = None, **kw: Any
    ) -> str:
        """Return the whole CREATE VIEW statement of a view, as the engine prints it."""
        views = _ask(
            connection, catalog.RELATIONS, catalog_rows.definition, schema, [view_name], kind=ObjectKind.VIEW
        )
        return _found(views, view_name)


class DuckDBReflection(_NameReflection, _TableReflection):
    """Reflect from DuckDB's own catalog functions; to be mixed into a dialect before its base.

    Names are matched as the engine matches them, so ``users`` finds a table created as ``Users``; the answer
    carries the name that was asked for. ``schema=None`` is the current schema of the current catalog with the
    temporary objects of the connection, which hide permanent ones of the same name; ``"s"`` is a schema of
    the current catalog, ``"db.s"`` one of another. A question about a single relation that is not there
    raises NoSuchTableError.
    """

    inspector = DuckDBInspector

    @reflection.cache
    def has_index(
        self, connection: Connection, table_name: str, index_name: str, schema: str | None = None, **kw: Any
    ) -> bool:
        """Tell whether a table has such an index."""
        found = self.get_multi_indexes(connection, schema=schema, filter_names=[table_name])
        return any(fold(str(index["name"])) == fold(index_name) for _, indexes in found for index in indexes)


def _ask(
    connection: Connection,
    question: Select[Any],
    read: Callable[[catalog_rows.Rows], _Answer],
    schema: str | None = None,
    filter_names: Collection[str] | None = None,
    scope: ObjectScope = ObjectScope.ANY,
    kind: ObjectKind = ObjectKind.ANY,
    *,
    type: str | None = None,  # noqa: A002 # the name of the parameter in the question
    **kw: Any,
) -> Iterable[tuple[TableKey, _Answer]]:
    """Put a question about relations, and read the rows of each into its answer."""
    parameters = catalog.relation_parameters(schema, filter_names or None, scope, kind)
    rows = connection.execute(question, {**parameters, "type": type} if type else parameters)
    relations = groupby(rows, key=lambda row: (row.name, row.temporary))
    return {(schema, name): read(list(group)) for (name, _), group in relations}.items()


def _only(
    ask: Callable[..., Iterable[tuple[TableKey, _Answer]]],
    connection: Connection,
    name: str,
    schema: str | None,
) -> _Answer:
    return _found(ask(connection, schema=schema, filter_names=[name]), name)


def _found(answers: Iterable[tuple[TableKey, _Answer]], name: str) -> _Answer:
    for _, answer in answers:
        return answer
    raise NoSuchTableError(name)
