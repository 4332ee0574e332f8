"""How a repository writes the rows of a query, a file or Arrow columns: by one MERGE.

No row passes through Python. The rules:

* The rows are read once, into a temporary table, with the types of the columns that they are for. There they
  are checked and matched, so that what is wrong with them is told before anything is written.
* Core and models look at statements that SQLAlchemy knows, and MERGE is none of these. So an UPDATE of no row
  tells them what is about to be written: foreign keys are verified before the commit, and caches forget. An
  INSERT of no row would tell them too, and lead to the fault that `_refuse_lost` looks for.
* The MERGE returns nothing. With RETURNING, DuckDB would replace the rows that it changes.
* The versions in the history of the table are written here, by the same statements as for an UPDATE.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    FromClause,
    Select,
    Update,
    and_,
    false,
    inspect,
    literal,
    literal_column,
    null,
    select,
    tuple_,
    update,
)
from sqlalchemy.orm import Session

from andamios_orm.core.errors import NotSupportedError, TransactionAbortedError
from andamios_orm.core.keys import equal, key_list
from andamios_orm.models.history.found import FoundRows
from andamios_orm.models.history.journal import Journal, moment
from andamios_orm.models.history.kept import DropKept, KeepKeys
from andamios_orm.models.history.tables import history_of, key_columns
from andamios_orm.repositories.bulk import BulkWriting
from andamios_orm.repositories.keys import AT_ONCE
from andamios_orm.repositories.merging.plan import MergePlan, Request
from andamios_orm.repositories.merging.rows import GIVEN, MATCHED, MergeRows, given_rows
from andamios_orm.repositories.merging.sources import MergeSource, Source
from andamios_orm.repositories.merging.statement import (
    Merge,
    Values,
    added_values,
    changed_values,
    made_columns,
    made_values,
)
from andamios_orm.repositories.plugins.plugins import operation
from andamios_orm.repositories.upserts import UpsertCounts

__all__ = ["Merging"]

T = TypeVar("T")

_MANY = 100_000
"""New rows of which it is verified that they are found: DuckDB keeps 122,880 rows in one place."""


class Merging(BulkWriting[T]):
    """Write the rows of a query, a file or Arrow columns."""

    @operation("create")
    async def merge_from(
        self, source: MergeSource, *, match: Sequence[str] | None = None, update: Sequence[str] | None = None
    ) -> UpsertCounts:
        """Write rows that do not pass through Python, whether they are there already or not: all or none.

        One MERGE writes them. Their values are the database's own: what models validate and types convert in
        Python is left out, and hooks are not called. New rows get the defaults of the model, and rows that
        change what an UPDATE of them sets; a function that makes a moment is called once.

        Args:
            source: A query, whose columns are called after attributes; the path of a Parquet file; or what
                hands over Arrow columns, such as a ``pyarrow.Table`` or a data frame.
            match: The attributes that a row is found by, which no two rows have in common; by default the
                primary key.
            update: The attributes that a row which is there gets; by default all others that are given.

        Raises:
            ConfigurationError: The source lacks an attribute, two of its rows are the same by ``match``, or
                it is no source; nothing was written.
            DataError: A value does not fit its column.
            IntegrityError: A constraint refuses a row.
            MultipleResultsError: Several rows of the table are the same by ``match``.
            NotSupportedError: The backend is not DuckDB.
            UnknownNameError: The model has no such attribute.
        """
        request = Request(self.model, match, update, self._fixed)
        only_new = update is not None and not update
        return await (self._merged(source, request) if only_new else self._updating(source, request))

    @operation("update", "merge_from")
    async def _updating(self, source: MergeSource, request: Request) -> UpsertCounts:
        return await self._merged(source, request)

    async def _merged(self, source: MergeSource, request: Request) -> UpsertCounts:
        backend = self.session.get_bind(inspect(self.model)).dialect.name
        if backend != "duckdb":
            raise NotSupportedError.of(backend, "merge_from()", "give rows to upsert_many()")
        await self.session.flush()
        those = self._query("update").statement
        return await self.session.run_sync(_merge, source, request, those)


def _merge(session: Session, given: MergeSource, request: Request, those: Select[Any]) -> UpsertCounts:
    mapper: Any = inspect(request.model)
    _refuse_autocommit(session, {"mapper": mapper})
    source = Source.of(session, mapper, given)
    plan = MergePlan.of(request, source.rows.selected_columns.keys())
    rows = MergeRows(plan)
    bind = {"mapper": mapper}
    source.keep(session, mapper, KeepKeys(GIVEN, given_rows(plan, source.rows)))
    session.execute(KeepKeys(MATCHED, rows.matched(those)), bind_arguments=bind)
    session.execute(DropKept(GIVEN), bind_arguments=bind)
    counts = session.execute(rows.counted(), bind_arguments=bind).one()._mapping
    error = rows.error(counts)
    new = counts["rows"] - counts["found"]
    if error is None and counts["rows"]:
        _write(session, plan, rows)
        if new >= _MANY:
            _refuse_lost(session, bind, rows, counts["rows"])
    session.execute(DropKept(MATCHED), bind_arguments=bind)
    if error is not None:
        raise error
    return UpsertCounts(new, counts["found"])


def _refuse_autocommit(session: Session, bind: dict[str, Any]) -> None:
    connection = session.connection(bind)
    dialect: Any = connection.dialect
    if dialect.detect_autocommit_setting(connection.connection.dbapi_connection):
        raise NotSupportedError.of(dialect.name, "merge_from() under AUTOCOMMIT", "write in a transaction")


def _write(session: Session, plan: MergePlan, rows: MergeRows) -> None:
    bind = {"mapper": inspect(plan.model)}
    statement = _statement(session, plan, rows)
    result: Any = session.execute(
        _announcement(plan, [*statement.added, *statement.changed]), bind_arguments=bind
    )
    history = history_of(plan.table)
    if history is None:
        session.execute(statement, bind_arguments=bind)
    else:
        schemas = dict(result.context.execution_options.get("schema_translate_map") or {})
        journal = Journal(session.connection(bind), plan.table, history, schemas)
        mark = journal.mark()
        session.execute(statement, bind_arguments=bind)
        _record(journal, rows, mark, changed=bool(statement.changed))
    if statement.changed:
        _read_again(session, plan, rows)


def _announcement(plan: MergePlan, written: Sequence[Column[Any]]) -> Update:
    referring = [column for column in written if column.foreign_keys]
    told = referring or [next((column for column in written if not column.primary_key), written[0])]
    return update(plan.table).where(false()).values({column: null() for column in told})


def _refuse_lost(session: Session, bind: dict[str, Any], rows: MergeRows, count: int) -> None:
    # Where an INSERT of no row came before in the transaction, DuckDB 2.0 takes the columns of the many new
    # rows of a MERGE for empty: no join and no range finds them, not after the commit either.
    if session.execute(rows.present(), bind_arguments=bind).scalar_one() < count:
        adapter: Any = session.connection(bind).connection.dbapi_connection
        adapter.raw.abort()
        raise TransactionAbortedError(
            "DuckDB does not find all rows that merge_from() has added, because an INSERT of no row came "
            "before: roll back, and merge in a transaction of its own"
        )


def _statement(session: Session, plan: MergePlan, rows: MergeRows) -> Merge:
    given = {column: rows.value(name) for name, column in plan.given.items()}
    changed = {plan.given[name]: rows.value(name) for name in plan.changed}
    if changed:
        changed = {**changed_values(plan.model, changed), **changed}
    source, made = _made(session, plan, rows, given)
    added = {**given, **added_values(plan.model, given), **made}
    return Merge(plan.table, source, equal(key_columns(plan.table), rows.keys), changed, added)


def _made(session: Session, plan: MergePlan, rows: MergeRows, given: Values) -> tuple[FromClause, Values]:
    # The rows with what functions make for each new one, which is often the same for all of them.
    mapper: Any = inspect(plan.model)
    columns = made_columns(plan.model, given)
    new = session.scalars(rows.new(), bind_arguments={"mapper": mapper}).all() if columns else []
    made = {column: made_values(column, len(new)) for column in columns if new}
    alike = [column for column, values in made.items() if all(value == values[0] for value in values)]
    added: Values = {column: literal(made.pop(column)[0], column.type) for column in alike}
    if not made:
        return rows.table, added
    listed = zip(new, *made.values(), strict=True)
    source, found = rows.beside(
        key_list([Column("position", BigInteger), *made], listed, session.get_bind(mapper).dialect)
    )
    return source, {**added, **dict(zip(made, found, strict=True))}


def _record(journal: Journal, rows: MergeRows, mark: int, *, changed: bool) -> None:
    now, found = moment(), FoundRows(rows.found(), None)
    if changed:
        journal.close_found(found, now)
        journal.add_found("update", found, now)
    # DuckDB may put a row that it changes behind all others too.
    is_new = and_(literal_column("rowid") > mark, tuple_(*key_columns(journal.table)).not_in(found.keys))
    journal.add_found("insert", FoundRows(found.keys, is_new), now)


def _read_again(session: Session, plan: MergePlan, rows: MergeRows) -> None:
    # Objects that the session holds would stay what they were, and so would what is found from now on.
    held = [inspect(each).identity for each in session.identity_map.values() if isinstance(each, plan.model)]
    changed = select(plan.model).where(_among(plan, rows.found()))
    changed = changed.execution_options(populate_existing=True, include_deleted=True)
    for start in range(0, len(held), AT_ONCE):
        session.scalars(changed.where(_among(plan, held[start : start + AT_ONCE]))).all()


def _among(plan: MergePlan, keys: Any) -> ColumnElement[bool]:
    columns = [getattr(plan.model, name) for name in plan.keys]
    if len(columns) > 1:
        return tuple_(*columns).in_(keys)
    found: ColumnElement[bool] = columns[0].in_(
        keys if isinstance(keys, Select) else [key for (key,) in keys]
    )
    return found
