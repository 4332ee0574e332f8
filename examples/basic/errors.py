"""Tell errors apart: a duplicate key, an aborted transaction, a conflict, a savepoint."""

from __future__ import annotations

from sqlalchemy import exc, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from andamios_orm.core import SessionManager, create_memory_engine, errors, run


class Base(DeclarativeBase):
    """The models of this example."""


class Seat(Base):
    """A seat and who sits there."""

    __tablename__ = "seat"

    number: Mapped[str] = mapped_column(primary_key=True)
    passenger: Mapped[str | None]


async def main() -> None:
    """Run into each of them."""
    engine = create_memory_engine()
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
        await connection.execute(insert(Seat), [{"number": "1A"}, {"number": "1B"}])

    try:
        async with engine.begin() as connection:
            try:
                await connection.execute(insert(Seat).values(number="1A"))
            except exc.IntegrityError as error:  # SQLAlchemy's class catches it as well
                print(f"{type(error).__name__}, {isinstance(error, errors.DuplicateKeyError)=}")
    except errors.TransactionAbortedError as error:
        print(f"{type(error).__name__}: {error.orig}")

    try:
        async with SessionManager(engine) as first, SessionManager(engine) as second:
            for session, passenger in ((first, "Ada"), (second, "Grace")):
                (await session.get_one(Seat, "1A")).passenger = passenger
            await first.flush()
    except errors.TransactionConflictError as error:
        print(f"{type(error).__name__}, {error.retryable=}")

    try:
        async with SessionManager(engine) as session, session.begin_nested():
            session.add(Seat(number="1C"))
    except errors.SavepointNotSupportedError as error:
        print(f"{type(error).__name__}: {error.remedy}")
    await engine.dispose()


if __name__ == "__main__":
    run(main())
