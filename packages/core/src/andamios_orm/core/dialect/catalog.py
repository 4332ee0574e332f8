"""What there is to ask DuckDB's catalog about, each as one statement.

Most start from ``relation``: the tables and views that lie in the asked schema, under the names they were
asked for. Names are compared as the engine compares them: ASCII letters without regard to case, all others
exactly. Where no schema is asked for, it is the current one of the current catalog, and the temporary objects
beside it.
"""

from __future__ import annotations

import string
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    String,
    and_,
    bindparam,
    case,
    column,
    false,
    func,
    literal_column,
    or_,
    select,
    text,
    true,
    union_all,
)
from sqlalchemy.engine.reflection import ObjectKind, ObjectScope

from andamios_orm.core.dialect.catalog_text import fold
from andamios_orm.core.dialect.identifiers import split_schema

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, FromClause, Select, TableValuedAlias

__all__ = [
    "ASKED_SCHEMA",
    "COLUMNS",
    "CONSTRAINTS",
    "ENUMS",
    "INDEXES",
    "RELATIONS",
    "SCHEMAS",
    "SEQUENCES",
    "relation_parameters",
    "schema_parameters",
]


def schema_parameters(schema: str | None) -> dict[str, str | None]:
    """Return the parameters that place a question in a schema, ``None`` being the current one."""
    catalog, name = (None, None) if schema is None else split_schema(schema)
    return {"catalog": catalog and fold(catalog), "schema": name and fold(name)}


def relation_parameters(
    schema: str | None, names: Collection[str] | None, scope: ObjectScope, kind: ObjectKind
) -> dict[str, Any]:
    """Return the parameters of a question about relations.

    Args:
        schema: The asked schema, ``None`` for the current one.
        names: The asked names, ``None`` for all. An empty collection asks for nothing.
        scope: Whether permanent relations, temporary ones or both are asked for.
        kind: Whether tables, views or both are asked for. DuckDB has no materialized views.
    """
    asked = [str(name) for name in names or ()]
    return {
        **schema_parameters(schema),
        "every_name": names is None,
        "names": asked,
        "folded_names": [fold(name) for name in asked],
        "permanent": ObjectScope.DEFAULT in scope,
        "temporary": ObjectScope.TEMPORARY in scope,
        "tables": ObjectKind.TABLE in kind,
        "views": ObjectKind.VIEW in kind,
    }


def _catalog(function: str, *columns: str) -> TableValuedAlias:
    """Return one of the engine's catalog functions as something to select from."""
    call = getattr(func, f"duckdb_{function}")()
    alias: TableValuedAlias = call.table_valued("database_oid", "schema_oid", *columns, name=function)
    return alias


def _folded(name: ColumnElement[Any]) -> ColumnElement[Any]:
    alphabets = (string.ascii_uppercase, string.ascii_lowercase)
    return func.translate(name, *(literal_column(f"'{letters}'", String) for letters in alphabets))


def _same_schema(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    return and_(one.c.database_oid == other.c.database_oid, one.c.schema_oid == other.c.schema_oid)


def _same_relation(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    return and_(_same_schema(one, other), one.c.table_oid == other.c.table_oid)


# DuckDB 2 nests schemas, and then several carry one name; only an outermost one can be asked for. DuckDB 1.5
# has no column `parent_schema`: there the inner query finds the NULL of the outer one instead.
_schema = (
    text(
        """
        SELECT found.* FROM (SELECT CAST(NULL AS VARCHAR) AS parent_schema) AS nothing, LATERAL (
            SELECT database_oid, oid AS schema_oid, database_name, schema_name, parent_schema AS parent
            FROM duckdb_schemas()
        ) AS found
        """
    )
    .columns(
        *(column(name) for name in ("database_oid", "schema_oid", "database_name", "schema_name", "parent"))
    )
    .cte("every_schema")
)
_asked_schema = (
    select(_schema.c.database_oid, _schema.c.schema_oid)
    .where(
        _schema.c.parent.is_(None),
        _folded(_schema.c.database_name)
        == func.coalesce(bindparam("catalog"), _folded(func.current_database())),
        _folded(_schema.c.schema_name) == func.coalesce(bindparam("schema"), _folded(func.current_schema())),
    )
    .cte("asked_schema")
)
_asked_name = (
    text(
        "SELECT unnest(CAST(:names AS VARCHAR[])) AS name, unnest(CAST(:folded_names AS VARCHAR[])) AS folded"
    )
    .columns(column("name"), column("folded"))
    .cte("asked_name")
)
_tables = _catalog("tables", "table_oid", "table_name", "temporary", "internal", "comment", "sql")
_views = _catalog("views", "view_oid", "view_name", "temporary", "internal", "comment", "sql")
_both = union_all(
    select(*_tables.c, false().label("is_view")),
    select(*_views.c, true().label("is_view")),
).subquery("both_kinds")


def _reachable(entry: FromClause, temporary: ColumnElement[bool]) -> ColumnElement[bool]:
    """Tell whether an entry lies in the asked schema or, temporary, beside the current one."""
    beside = and_(entry.c.temporary, bindparam("schema").is_(None), temporary)
    return or_(_asked_schema.c.schema_oid.is_not(None), beside)


_relation = (
    select(
        *(_both.c[name] for name in ("database_oid", "schema_oid", "table_oid")),
        func.coalesce(_asked_name.c.name, _both.c.table_name).label("name"),
        *(_both.c[name] for name in ("temporary", "is_view", "comment", "sql")),
    )
    .select_from(
        _both.outerjoin(_asked_schema, _same_schema(_both, _asked_schema)).outerjoin(
            _asked_name, _asked_name.c.folded == _folded(_both.c.table_name)
        )
    )
    .where(
        _both.c.internal.is_(False),
        or_(bindparam("every_name"), _asked_name.c.name.is_not(None)),
        case((_both.c.is_view, bindparam("views")), else_=bindparam("tables")),
        or_(bindparam("permanent"), _both.c.temporary),
        _reachable(_both, bindparam("temporary")),
    )
    .cte("relation")
)


def _details(details: FromClause, *more: FromClause, order: str) -> Select[Any]:
    """Ask for details of relations: one row each, and one of NULLs for a relation without any.

    Rows of one relation stand together. A temporary relation comes after a permanent one of the same name,
    which it hides.
    """
    joined = _relation.outerjoin(details, _same_relation(_relation, details))
    for one in more:
        joined = joined.outerjoin(one, _same_relation(_relation, one))
    return (
        select(_relation.c.name, _relation.c.temporary)
        .select_from(joined)
        .order_by(_relation.c.temporary, _relation.c.name, details.c[order])
    )


RELATIONS = select(_relation).order_by(_relation.c.temporary, _relation.c.name)
"""Ask which relations there are: name, temporary, is_view, comment, sql."""

_columns = _catalog(
    "columns",
    "table_oid",
    "column_name",
    "column_index",
    "data_type",
    "is_nullable",
    "column_default",
    "comment",
)
_constraints = _catalog(
    "constraints",
    "table_oid",
    "constraint_index",
    "constraint_type",
    "expression",
    "constraint_column_indexes",
    "referenced_table",
    "referenced_column_names",
)
_primary_key = (
    select(
        *(
            _constraints.c[name]
            for name in ("database_oid", "schema_oid", "table_oid", "constraint_column_indexes")
        )
    )
    .where(_constraints.c.constraint_type == literal_column("'PRIMARY KEY'"))
    .subquery("primary_key")
)

COLUMNS = _details(_columns, _primary_key, order="column_index").add_columns(
    *_columns.c,
    _primary_key.c.constraint_column_indexes.label("primary_key"),
    case((and_(_columns.c.column_index == literal_column("1"), ~_relation.c.is_view), _relation.c.sql)).label(
        "sql"
    ),
)
"""Ask for columns, with the positions of the primary key, and on its first column the text of a table."""

_wanted = select(_constraints).where(_constraints.c.constraint_type == bindparam("type")).subquery("wanted")
_names = (
    text(
        """
        SELECT database_oid, schema_oid, table_oid, list(column_name ORDER BY column_index) AS names
        FROM duckdb_columns() GROUP BY database_oid, schema_oid, table_oid
        """
    )
    .columns(*(column(name) for name in ("database_oid", "schema_oid", "table_oid", "names")))
    .cte("column_names")
)
_referred = _tables.alias("referred")
_referred_names = _names.alias("referred_column_names")

CONSTRAINTS = (
    select(
        _relation.c.name,
        _relation.c.temporary,
        _wanted.c.expression,
        _wanted.c.constraint_column_indexes.label("positions"),
        _names.c.names,
        func.coalesce(_referred.c.table_name, _wanted.c.referenced_table).label("referred_table"),
        _wanted.c.referenced_column_names.label("referred_columns"),
        _referred_names.c.names.label("referred_names"),
    )
    .select_from(
        _relation.outerjoin(_wanted, _same_relation(_relation, _wanted))
        .outerjoin(_names, _same_relation(_relation, _names))
        .outerjoin(
            _referred,
            and_(
                _same_schema(_wanted, _referred),
                _folded(_wanted.c.referenced_table) == _folded(_referred.c.table_name),
            ),
        )
        .outerjoin(_referred_names, _same_relation(_referred, _referred_names))
    )
    .order_by(_relation.c.temporary, _relation.c.name, _wanted.c.constraint_index)
)
"""Ask for the constraints of one type, with the names of all columns of the table and of the one referred to.

DuckDB keeps the names in a constraint as they were written there, in whatever case; the lists hold the names
as they are.
"""

_indexes = _catalog("indexes", "table_oid", "index_name", "is_unique", "expressions")

INDEXES = _details(_indexes, _names, order="index_name").add_columns(
    _indexes.c.index_name,
    _indexes.c.is_unique,
    literal_column("CAST(indexes.expressions AS VARCHAR[])").label("elements"),
    _names.c.names,
)
"""Ask for indexes: the elements of each as SQL texts, an expression being one in parentheses."""


_sequences = _catalog("sequences", "sequence_name", "temporary")

SEQUENCES = (
    select(_sequences.c.sequence_name)
    .select_from(_sequences.outerjoin(_asked_schema, _same_schema(_sequences, _asked_schema)))
    .where(_reachable(_sequences, true()))
    .order_by(_sequences.c.sequence_name)
)
"""Ask for the names of sequences, temporary ones too."""

_types = _catalog("types", "type_name", "labels", "internal", "schema_name", "logical_type")

ENUMS = (
    select(_types.c.type_name, _types.c.schema_name, _types.c.labels)
    .select_from(_types.join(_asked_schema, _same_schema(_types, _asked_schema)))
    .where(_types.c.internal.is_(False), _types.c.logical_type == literal_column("'ENUM'"))
    .order_by(_types.c.type_name)
)
"""Ask for the enum types that were created under a name."""

_databases = func.duckdb_databases().table_valued("database_oid", "internal", name="databases")

SCHEMAS = (
    select(
        _schema.c.database_name,
        _schema.c.schema_name,
        (_schema.c.database_name == func.current_database()).label("is_current"),
    )
    .join(_databases, _databases.c.database_oid == _schema.c.database_oid)
    .where(
        _databases.c.internal.is_(False),
        _schema.c.parent.is_(None),
        _schema.c.schema_name.not_in(
            [literal_column("'information_schema'"), literal_column("'pg_catalog'")]
        ),
    )
    .order_by(_schema.c.database_name, _schema.c.schema_name)
)
"""Ask for the schemas of all attached catalogs but the engine's own."""

ASKED_SCHEMA = select(_asked_schema.c.schema_oid)
"""Ask for the schema itself: no row where it does not exist."""
