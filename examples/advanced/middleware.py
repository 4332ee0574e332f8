"""Wrap the statements of sessions: keep tenants apart, tag, time, and refuse."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import replace
from time import perf_counter
from typing import Any

from sqlalchemy import Result, Select, delete, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, with_loader_criteria

from andamios_orm.core import (
    BeforeExecute,
    CallNext,
    SessionManager,
    StatementExecution,
    create_memory_engine,
    events_of,
    middleware_of,
    run,
)

tenant: ContextVar[str] = ContextVar("tenant")


class Base(DeclarativeBase):
    """The models of this example."""


class Owned:
    """What belongs to a tenant."""

    tenant: Mapped[str] = mapped_column()


class Booking(Owned, Base):
    """A seat that somebody has."""

    __tablename__ = "booking"

    id: Mapped[int] = mapped_column(primary_key=True)
    passenger: Mapped[str]


async def keep_apart(execution: StatementExecution, call_next: CallNext) -> Result[Any]:
    """Let each tenant reach its own rows alone."""
    mine = tenant.get()
    criterion = with_loader_criteria(Owned, lambda model: model.tenant == mine, include_aliases=True)
    return await call_next(replace(execution, statement=execution.statement.options(criterion)))


async def tag(execution: StatementExecution, call_next: CallNext) -> Result[Any]:
    """Say in a comment who asks, for the logs of the database."""
    statement = execution.statement
    if isinstance(statement, Select):
        statement = statement.prefix_with("/* bookings */")
    return await call_next(replace(execution, statement=statement))


async def read_only(execution: StatementExecution, call_next: CallNext) -> Result[Any]:
    """Refuse what is no query."""
    if not execution.statement.is_select:
        raise PermissionError("this session only reads")
    return await call_next(execution)


class Timing:
    """Measure how long statements take."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, execution: StatementExecution, call_next: CallNext) -> Result[Any]:
        """Run the statement, and note the time."""
        started = perf_counter()
        try:
            return await call_next(execution)
        finally:
            self.seconds.append(perf_counter() - started)


async def main() -> None:
    """Read as two tenants, through middleware of the engine and of one session."""
    engine = create_memory_engine()
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        session.add_all(
            [Booking(tenant="red", passenger="Ada"), Booking(tenant="blue", passenger="Grace")],
        )

    timing = Timing()
    middleware = middleware_of(engine)
    middleware.add(timing)  # the first one is the outermost
    middleware.add(keep_apart)
    middleware.add(tag)

    sent: list[str] = []
    events_of(engine).subscribe(BeforeExecute, lambda event: sent.append(event.statement))
    for name in ("red", "blue"):
        tenant.set(name)
        async with SessionManager(engine) as session:
            print(name, (await session.scalars(select(Booking.passenger))).all())
            print(f"{name}'s booking 1:", await session.get(Booking, 1))
    print("sent:", sent[0].split("\n")[0])
    print("timed:", len(timing.seconds))

    async with SessionManager(engine) as session:
        middleware_of(session).add(read_only)
        try:
            await session.execute(delete(Booking))
        except PermissionError as error:
            print("refused:", error)
    await engine.dispose()


if __name__ == "__main__":
    run(main())
