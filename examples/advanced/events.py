"""Take part in what happens: to objects, in transactions, with statements and connections."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import (
    AfterCommit,
    AfterExecute,
    AfterUpdate,
    BeforeDelete,
    BeforeInsert,
    ConnectionOpened,
    SessionManager,
    create_memory_engine,
    events_of,
    run,
)


class Base(DeclarativeBase):
    """The models of this example."""


class Flight(Base):
    """A departure."""

    __tablename__ = "flight"

    number: Mapped[str] = mapped_column(primary_key=True)
    carrier: Mapped[str | None]
    delay: Mapped[int] = mapped_column(default=0)


class Change(Base):
    """What was done to a flight."""

    __tablename__ = "change"

    id: Mapped[int] = mapped_column(primary_key=True)
    flight: Mapped[str]
    fields: Mapped[str]


engine = create_memory_engine()
events = events_of(engine)


@events.on(BeforeInsert, model=Flight)
def complete(event: BeforeInsert[Flight]) -> None:
    """Fill in what can be known; what a handler before a write changes is written."""
    event.instance.carrier = event.instance.carrier or event.instance.number[:2]


@events.on(AfterUpdate, model=Flight)
async def record(event: AfterUpdate[Flight]) -> None:
    """Note which attributes were changed, in the same transaction."""
    event.session.add(Change(flight=event.instance.number, fields=", ".join(sorted(event.changed))))


@events.on(BeforeDelete, model=Flight)
async def keep_history(event: BeforeDelete[Flight]) -> None:
    """Refuse: an error before a write aborts it."""
    changes = await event.session.scalars(select(Change).where(Change.flight == event.instance.number))
    if changes.first() is not None:
        raise PermissionError(f"{event.instance.number} has a history")


@events.on(AfterCommit)
async def announce(event: AfterCommit) -> None:
    """Tell others of what is committed now."""
    print("  committed")


async def main() -> None:
    """Write, change, try to delete; then watch statements for a while."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)

    async with SessionManager(engine) as session:
        session.add(Flight(number="UA1545"))
    async with SessionManager(engine) as session:
        flight = await session.get_one(Flight, "UA1545")
        flight.delay = 12
        print("carrier:", flight.carrier)

    try:
        async with SessionManager(engine) as session:
            await session.delete(await session.get_one(Flight, "UA1545"))
    except PermissionError as error:
        print("not deleted:", error)

    statements: list[str] = []
    with events.subscribe(AfterExecute, lambda event: statements.append(f"{event.rows} rows: {event}")):
        async with SessionManager(engine) as session:
            changes = (await session.scalars(select(Change))).all()
    print("changes:", [(change.flight, change.fields) for change in changes])
    print("statements that were watched:", len(statements))

    opened: list[ConnectionOpened] = []
    subscription = events.subscribe(ConnectionOpened, opened.append)
    await engine.dispose()
    async with engine.connect():
        print("connections opened anew:", len(opened))
    subscription.unsubscribe()
    await engine.dispose()


if __name__ == "__main__":
    run(main())
