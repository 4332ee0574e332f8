"""Log who changed what, in the transaction of the change, and find out when somebody tampers with the log."""

from __future__ import annotations

import asyncio

from sqlalchemy import select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import AuditLogger, AuditRecord, SessionManager, create_memory_engine, run
from andamios_orm.core.errors import DuplicateKeyError


class Base(DeclarativeBase):
    """The models of this example."""


class Seat(Base):
    """A seat and who sits there."""

    __tablename__ = "seat"

    number: Mapped[str] = mapped_column(primary_key=True)
    passenger: Mapped[str]


engine = create_memory_engine()
audit = AuditLogger(engine)


async def book(number: str, passenger: str) -> None:
    """Book a seat; the change and its record are committed together."""
    async with SessionManager(engine) as session:
        session.add(Seat(number=number, passenger=passenger))
        await audit.log_data_access(passenger, "seat", "insert", key=number, details={"row": number[:-1]})


async def main() -> None:
    """Book from many tasks, verify the log, and tamper with it."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    await audit.create_table()

    await asyncio.gather(*(book(f"{row}A", f"passenger {row}") for row in range(1, 21)))
    try:
        await book("1A", "Grace")
    except DuplicateKeyError as error:
        print("rolled back, with its record: key", error.key)
    await audit.log_data_access("Ada", "seat", "export")

    report = await audit.verify()
    print("rows:", report.rows, "intact:", report.intact)
    head = await audit.head()
    print("kept elsewhere: row", head.id, "with the hash", head.hash[:8], "...")

    log = audit.table.c
    latest = select(log.id, log.user_id, log.operation).order_by(log.id.desc()).limit(1)
    async with engine.connect() as connection:
        last = (await connection.execute(latest)).one()
    print("the last row:", last)

    async with engine.begin() as connection:
        await connection.execute(text("UPDATE andamios_audit SET user_id = 'nobody' WHERE id = 7"))
    print((await audit.verify()).problem)

    async with engine.begin() as connection:
        await connection.execute(text("DELETE FROM andamios_audit WHERE id >= 7"))
    print("without the head:", (await audit.verify()).problem)
    print("with it:", (await audit.verify(head=head)).problem)

    async def send(record: AuditRecord) -> None:
        print("sent elsewhere:", record.user_id, record.operation, record.table_name)

    await AuditLogger(engine, sink=send).log_data_access("Ada", "seat", "read", key="7A")
    await engine.dispose()


if __name__ == "__main__":
    run(main())
