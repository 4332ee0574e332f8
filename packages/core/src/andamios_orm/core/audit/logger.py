"""Log who accessed which data, in the transaction of the change, so that tampering with the log shows.

The rules:

* A record is written by the transaction of its change, right before COMMIT (`records`): both are
  committed or neither. A rollback forgets it.
* The rows of the log form one chain (`hash_chain`). Transactions append to it one after the other, in the
  order in which they commit (`turn`); those who have nothing to append wait for nobody.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import MetaData, Text, cast, func, select

from andamios_orm.core.arguments import engine_of, seconds
from andamios_orm.core.audit.hash_chain import ChainCheck, ChainHead, Fault, canonical, document
from andamios_orm.core.audit.records import AuditRecord, PendingRecords, audit_table, table_expected
from andamios_orm.core.audit.turn import last_row
from andamios_orm.core.errors import ConfigurationError, NoCurrentSessionError, ValidationError
from andamios_orm.core.observability.logs import current_correlation_id
from andamios_orm.core.session import current_session

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from sqlalchemy import RowMapping
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from andamios_orm.core.session import AsyncSession

__all__ = ["AuditLogger", "AuditReport", "AuditSink"]

_PAGE = 1_000
"""Rows that are verified at once: some milliseconds of work."""


class AuditSink(Protocol):
    """Takes records in place of the table; a function or a coroutine function."""

    def __call__(self, record: AuditRecord, /) -> Awaitable[object] | object:
        """Take one record; what is raised reaches whoever logged it."""
        ...


@dataclass(frozen=True)
class AuditReport:
    """What `AuditLogger.verify` found.

    Attributes:
        rows: How many rows are good, from the first one on.
        head: The last of them.
        bad_row: The id of the first row that is not, or that is missing; None where there is none.
        problem: What is wrong with it.
    """

    rows: int
    head: ChainHead
    bad_row: int | None = None
    problem: str | None = None

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return self.problem is None


class AuditLogger:
    """Log accesses to data; one logger serves any number of tasks.

    Args:
        engine: The engine whose database holds the log.
        sink: Takes the records in place of the table, each at once, whatever becomes of the transaction.
        metadata: Where the table is declared; by default in one of its own. It is created by `create_table`,
            or with the other tables of this metadata.
        timeout: Seconds that a commit waits for the commits before it, on DuckDB.

    Raises:
        ConfigurationError: ``engine`` is no engine, or ``timeout`` no number of seconds.

    Attributes:
        table: The table of the log: ``id``, ``moment``, ``user_id``, ``table_name``, ``operation``, ``key``,
            ``details``, ``correlation_id``, ``previous_hash`` and ``hash``.
    """

    def __init__(
        self,
        engine: AsyncEngine,
        sink: AuditSink | None = None,
        *,
        metadata: MetaData | None = None,
        timeout: float = 30.0,
    ) -> None:
        self._engine = engine_of(engine, type(self).__name__)
        self._sink = sink
        self.table = audit_table(MetaData() if metadata is None else metadata)
        self._timeout = seconds("timeout", timeout)

    async def create_table(self) -> None:
        """Create the table of the log, unless it is there."""
        self._require_table()
        async with self._engine.begin() as connection:
            await connection.run_sync(self.table.create, checkfirst=True)

    async def log_data_access(
        self,
        user_id: object,
        table: str,
        operation: str,
        *,
        key: object = None,
        details: Mapping[str, Any] | None = None,
        correlation_id: str | None = None,
        session: AsyncSession | None = None,
    ) -> None:
        """Log one access.

        The row is written when the transaction commits that it belongs to: that of ``session``, or of the
        current session of this task where it is one on this engine. Without either, it is committed here.

        Args:
            user_id: Who it is; kept as text. None where nobody is known.
            table: The table whose data is accessed.
            operation: What is done, such as "insert" or "export".
            key: The key of the row; a tuple for a composite one.
            details: What else there is to say, of values that JSON has, dates, times, decimals and UUIDs.
            correlation_id: The request that it is done for; by default the current one (`correlation_id`).
            session: The session of the change.

        Raises:
            ValidationError: The key or the details hold what has no place in JSON.
            ConfigurationError: There is no table of the log; it may be the commit that raises this.
            QueryTimeoutError: The commits before this one took too long; it may be the commit that raises
                this.
        """
        record = AuditRecord(
            moment=datetime.now(UTC),
            user_id=None if user_id is None else str(user_id),
            table_name=table,
            operation=operation,
            key=_key(key),
            details=_details(details),
            correlation_id=correlation_id or current_correlation_id(),
        )
        if self._sink is not None:
            await _handed_over(self._sink, record)
            return
        session = session or self._current_session()
        if session is None:
            async with self._engine.begin() as connection:
                self._pending(connection).add(record)
        else:
            pending = self._pending(await session.connection(bind_arguments={"clause": self.table}))
            pending.add(record)
            if session.in_nested_transaction():
                session.on_rollback(partial(pending.forget, record))

    async def head(self) -> ChainHead:
        """Return the last row of the log, to be kept where nobody can write who writes to the database."""
        self._require_table()
        async with self._engine.connect() as connection:
            with table_expected(self.table):
                row = (await connection.execute(last_row(self.table))).first()
        return ChainHead() if row is None else ChainHead(row.id, row.hash)

    async def verify(self, head: ChainHead | None = None) -> AuditReport:
        """Verify the log from its first row to its last, and report the first one that is not as it was.

        It is read in parts, as it was when the verification began.

        Args:
            head: What `head` returned before. Without one it is not noticed that rows are missing at the end,
                or that somebody computed all hashes anew.
        """
        self._require_table()
        kept = head or ChainHead()
        check = ChainCheck(kept)
        async with self._engine.connect() as connection:
            fault = await self._followed(connection, check, kept)
        return AuditReport(check.head.id, check.head, *(fault or ()))

    async def _followed(
        self, connection: AsyncConnection, check: ChainCheck, kept: ChainHead
    ) -> Fault | None:
        ids = self.table.c.id
        with table_expected(self.table):
            lowest, highest = (await connection.execute(select(func.min(ids), func.max(ids)))).one()
        columns = (
            cast(column, Text).label("details") if column.name == "details" else column
            for column in self.table.c
        )
        rows = select(*columns).order_by(ids)
        if highest is None:
            return check.reach(kept.id)
        for after in range(min(lowest, 1) - 1, highest, _PAGE):
            page = (await connection.execute(rows.where(ids > after, ids <= after + _PAGE))).mappings().all()
            # In a thread, because hashing a page would hold up the event loop.
            fault = await asyncio.to_thread(check.follow, map(_decoded, page)) or check.reach(
                min(after + _PAGE, highest)
            )
            if fault is not None:
                return fault
        return check.reach(kept.id)

    def _pending(self, connection: AsyncConnection) -> PendingRecords:
        sync: Any = connection.sync_connection
        return PendingRecords.of(sync, self.table, self._timeout)

    def _require_table(self) -> None:
        if self._sink is not None:
            raise ConfigurationError(
                "this AuditLogger hands its records to a sink: there is no table to look at"
            )

    def _current_session(self) -> AsyncSession | None:
        try:
            session = current_session()
        except NoCurrentSessionError:
            return None
        # One on another engine is about another database.
        return session if session.get_bind(clause=self.table).dialect is self._engine.dialect else None


def _decoded(row: RowMapping) -> dict[str, Any]:
    moment, details = row["moment"], row["details"]
    # A value that cannot be read is left as it is: the hash will tell that it was changed.
    with suppress(ValueError, OverflowError):
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    with suppress(ValueError):
        details = None if details is None else document(details)
    return {**row, "moment": moment, "details": details}


def _key(key: object) -> str | None:
    if not isinstance(key, Mapping | list | tuple):
        return None if key is None else str(key)
    with _accepted("key"):
        return canonical(key)


def _details(details: Mapping[str, Any] | None) -> dict[str, Any] | None:
    with _accepted("details"):
        read: dict[str, Any] | None = None if details is None else document(canonical(details))
        return read


@contextmanager
def _accepted(name: str) -> Iterator[None]:
    try:
        yield
    except (TypeError, ValueError, RecursionError) as error:
        raise ValidationError(AuditRecord.__name__, {name: str(error)}) from error


async def _handed_over(sink: AuditSink, record: AuditRecord) -> None:
    outcome = sink(record)
    if inspect.isawaitable(outcome):
        await outcome
