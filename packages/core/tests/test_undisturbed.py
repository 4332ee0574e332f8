"""What is imported after the first session was used is heard of by the next ones."""

from __future__ import annotations

from .services import python

PROGRAM = """
    from sqlalchemy import select
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
    from andamios_orm.core import SessionManager, create_memory_engine, run

    class Base(DeclarativeBase):
        pass

    class Flight(Base):
        __tablename__ = "flight"
        id: Mapped[int] = mapped_column(primary_key=True)

    async def announce(execution, call_next):
        print("executed")
        return await call_next(execution)

    async def write(engine):
        async with SessionManager(engine) as session:
            session.add(Flight())
            await session.flush()
            await session.scalars(select(Flight))

    async def main():
        engine = create_memory_engine()
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        await write(engine)
        from andamios_orm.core import AfterInsert, BeforeCommit, events_of, middleware_of
        events_of(engine).subscribe(AfterInsert, lambda event: print("inserted"))
        events_of(engine).subscribe(BeforeCommit, lambda event: print("committing"))
        middleware_of(engine).add(announce)
        await write(engine)
        await engine.dispose()

    run(main())
"""


def test_listeners_may_come_after_the_first_session() -> None:
    assert python(PROGRAM).split() == ["inserted", "executed", "committing"]
