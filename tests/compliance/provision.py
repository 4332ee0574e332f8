"""Tell SQLAlchemy's suite how things are done on DuckDB, where that differs from database to database."""

# SQLAlchemy's testing package has no hints:
# mypy: disable-error-code="no-untyped-call, untyped-decorator"

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import exists
from sqlalchemy.schema import sort_tables_and_constraints
from sqlalchemy.testing import provision

from andamios_orm.core import insert

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Engine, MetaData, Table
    from sqlalchemy.sql.dml import ReturningInsert


@provision.temp_table_keyword_args.for_db("duckdb")
def temporary_table_options(config: Any, engine: Any) -> dict[str, Any]:
    """Return the options that make a ``Table`` a temporary one."""
    return {"prefixes": ["TEMPORARY"]}


@provision.set_default_schema_on_connection.for_db("duckdb")
def set_default_schema(config: Any, dbapi_connection: Any, schema: str) -> None:
    """Make a schema the current one of a connection."""
    dbapi_connection.cursor().execute(f"SET schema = '{schema}'")
    dbapi_connection.commit()


@provision.upsert.for_db("duckdb")
def upsert(
    config: Any,
    table: Table,
    returning: Sequence[Any],
    *,
    set_lambda: Callable[[Any], dict[str, Any]] | None = None,
    sort_by_parameter_order: bool = False,
    index_elements: Sequence[Any] | None = None,
) -> ReturningInsert[Any]:
    """Return an INSERT that updates, or leaves alone, the rows that are there already."""
    statement = insert(table)
    if set_lambda is None:
        statement = statement.on_conflict_do_nothing()
    else:
        keys = index_elements or list(table.primary_key)
        statement = statement.on_conflict_do_update(index_elements=keys, set_=set_lambda(statement.excluded))
    return statement.returning(*returning, sort_by_parameter_order=sort_by_parameter_order)


@provision.delete_from_all_tables.for_db("duckdb")
def delete_from_all_tables(connection: Connection, config: Any, metadata: MetaData) -> None:
    """Empty the tables, referring ones first, in as many transactions as that takes.

    To delete a row DuckDB wants the rows that refer to it deleted by an earlier transaction.
    """
    for table, _ in reversed(sort_tables_and_constraints(metadata.tables.values())):
        while table is not None and _delete_leaves(connection.engine, table):
            continue


def _delete_leaves(engine: Engine, table: Table) -> int:
    # Deletes the rows to which no row of the same table refers, and returns how many there were.
    other = table.alias()
    own = [key for key in table.foreign_keys if key.column.table is table]
    unreferred = [~exists().where(other.c[key.parent.key] == key.column) for key in own]
    with engine.begin() as transaction:
        return transaction.execute(table.delete().where(*unreferred)).rowcount
