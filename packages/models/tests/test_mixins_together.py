"""Soft deletion, versions, history and timestamps in one model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import ForeignKey, MetaData, delete, func, select, update
from sqlalchemy.orm import Mapped, mapped_column, relationship

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, StaleVersionError, insert
from andamios_orm.models.actors import actor
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.history import AuditMixin
from andamios_orm.models.keys import NaturalKey
from andamios_orm.models.soft_delete import SoftDeleteMixin
from andamios_orm.models.timestamps import TimestampMixin
from andamios_orm.models.versioning import VersioningMixin

ALL: dict[str, Any] = {"include_deleted": True}
ONLY: dict[str, Any] = {"include_deleted": "only"}


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Contract(SoftDeleteMixin, VersioningMixin, AuditMixin, TimestampMixin, Base):
    number: Mapped[NaturalKey[int]]
    title: Mapped[str]
    pages: Mapped[list[Page]] = relationship(cascade="all, delete-orphan")


class Page(SoftDeleteMixin, AuditMixin, Base):
    number: Mapped[NaturalKey[int]]
    contract: Mapped[int] = mapped_column(ForeignKey("contract.number", ondelete="CASCADE"))


class Seal(VersioningMixin, AuditMixin, Base):
    """Is really deleted."""

    number: Mapped[NaturalKey[int]]


@pytest.fixture
async def session(engine: AndamiosEngine) -> AsyncIterator[AsyncSession]:
    """A session on a database with two contracts, the first of which has a page, all made by ada."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine) as session:
        with actor("ada"):
            session.add(Contract(number=1, title="a", pages=[Page(number=1)]))
            session.add(Contract(number=2, title="b"))
            await session.commit()
        yield session


async def recorded(session: AsyncSession, key: int = 1) -> Sequence[Any]:
    """Return of each version of a contract: operation, actor, version, and whether it was deleted."""
    versions = await Contract.history(session, key)
    return [(v.operation, v.actor, v.row.version, v.row.is_deleted) for v in versions]


MADE = ("insert", "ada", 1, False)
DELETED = ("update", "grace", 2, True)


@pytest.mark.parametrize("way", ["object", "statement"])
async def test_a_deletion_is_a_version_like_any_other(session: AsyncSession, way: str) -> None:
    contract = await session.get_one(Contract, 1)
    with actor("grace"):
        if way == "object":
            await session.delete(contract)
        else:
            await session.execute(delete(Contract).where(Contract.number == 1))
        await session.commit()
    assert await recorded(session) == [MADE, DELETED]
    assert await recorded(session, 2) == [MADE]
    assert (contract.version, contract.updated_by) == (2, "grace")


async def test_what_goes_along_is_recorded_with_the_same_author(session: AsyncSession) -> None:
    with actor("grace"):
        await session.execute(delete(Contract))
        await session.commit()
    _, deleted = await Page.history(session, 1)
    assert (deleted.operation, deleted.actor, deleted.row.is_deleted) == ("update", "grace", True)


async def test_a_restoration_is_recorded_as_an_update(session: AsyncSession) -> None:
    with actor("grace"):
        await session.delete(await session.get_one(Contract, 1))
        await session.commit()
    await (await session.get_one(Contract, 1, execution_options=ALL)).restore()
    await session.commit()
    assert await recorded(session) == [MADE, DELETED, ("update", None, 3, False)]
    assert [version.row.is_deleted for version in await Page.history(session, 1)] == [False, True, False]


async def test_the_past_of_a_deleted_row_can_be_seen(session: AsyncSession) -> None:
    await session.delete(await session.get_one(Contract, 1))
    await session.commit()
    first, _ = await Contract.history(session, 1)
    before = await Contract.as_of(session, 1, first.valid_from)
    after = await Contract.as_of(session, 1, datetime.now(UTC))
    assert (before and before.is_deleted, after and after.is_deleted) == (False, True)


@pytest.mark.parametrize(
    ("options", "changed"), [({}, [2]), (ALL, [1, 2]), (ONLY, [1])], ids=["live", "all", "only"]
)
@pytest.mark.parametrize("criterion", [Contract.number > 0, Contract.title > ""])
async def test_an_update_is_recorded_for_the_rows_that_it_sees(
    session: AsyncSession, options: dict[str, Any], changed: list[int], criterion: Any
) -> None:
    await session.delete(await session.get_one(Contract, 1))
    await session.commit()
    with actor("grace"):
        await session.execute(update(Contract).where(criterion).values(title="c"), execution_options=options)
    history = Contract.__history_table__.c
    made = select(history.number).where(history.actor == "grace", history.title == "c")
    assert (await session.scalars(made.order_by(history.number))).all() == changed


@pytest.mark.parametrize(
    ("target", "options", "changed"),
    [
        (Contract, {}, [2]),
        (Contract, ALL, [1, 2, 3]),
        (Contract, ONLY, [1, 3]),
        (Contract.__table__, {}, [2, 3]),
        (Contract.__table__, ALL, [1, 2, 3]),
    ],
)
async def test_a_subquery_finds_the_rows_that_it_finds_for_the_statement(
    session: AsyncSession, target: Any, options: dict[str, Any], changed: list[int]
) -> None:
    """Page 1 is deleted, with contract 1; contract 3 is deleted, and its page is not."""
    session.add_all([Page(number=2, contract=2), Contract(number=3, title="c", pages=[Page(number=3)])])
    await session.execute(delete(Contract).where(Contract.number == 1))
    await session.execute(update(Contract).where(Contract.number == 3).values(deleted_at=datetime.now(UTC)))
    number = Contract.__table__.c.number if target is Contract.__table__ else Contract.number
    statement = update(target).where(number.in_(select(Page.contract))).values(title="d")
    with actor("grace"):
        await session.execute(statement.execution_options(synchronize_session=False, **options))
    for table, criterion in ((Contract.__table__, "title"), (Contract.__history_table__, "actor")):
        seen = select(table.c.number).where(table.c[criterion].in_(["d", "grace"])).order_by(table.c.number)
        assert (await session.scalars(seen)).all() == changed


async def test_a_stale_write_leaves_no_version(engine: AndamiosEngine, session: AsyncSession) -> None:
    contract = await session.get_one(Contract, 1)
    await session.commit()
    async with SessionManager(engine) as other:
        (await other.get_one(Contract, 1)).title = "theirs"
    contract.title = "mine"
    with pytest.raises(StaleVersionError):
        await session.commit()
    await session.rollback()
    assert [version.row.title for version in await Contract.history(session, 1)] == ["a", "theirs"]


async def test_rows_that_are_removed_for_good_are_recorded(session: AsyncSession) -> None:
    with actor("grace"):
        await (await session.get_one(Contract, 1)).hard_delete()
        await session.execute(delete(Contract), execution_options={"hard_delete": True})
        await session.commit()
    assert [operation for operation, *_ in await recorded(session)] == ["insert", "delete"]
    assert [operation for operation, *_ in await recorded(session, 2)] == ["insert", "delete"]
    assert [version.operation for version in await Page.history(session, 1)] == ["insert", "delete"]


async def test_a_deletion_that_compares_raises_the_version_first(session: AsyncSession) -> None:
    seal = Seal(number=1)
    session.add(seal)
    await session.commit()
    await session.delete(seal)
    await session.commit()
    versions = await Seal.history(session, 1)
    assert [(v.operation, v.row.version) for v in versions] == [("insert", 1), ("delete", 2)]


async def test_many_rows_begin_with_everything(session: AsyncSession) -> None:
    with actor("ada"):
        await session.bulk_insert(Contract, [{"number": n, "title": "c"} for n in range(10, 500)])
        await session.commit()
    contract = await session.get_one(Contract, 10)
    assert (contract.version, contract.created_by, contract.is_deleted) == (1, "ada", False)
    assert contract.updated_at >= contract.created_at
    assert await recorded(session, 499) == [MADE]
    history = Contract.__history_table__
    assert await session.scalar(select(func.count()).select_from(history)) == 492


async def test_an_upsert_is_recorded_as_an_update(session: AsyncSession) -> None:
    adding = insert(Contract).values(number=1, title="c")
    with actor("grace"):
        await session.execute(
            adding.on_conflict_do_update(index_elements=["number"], set_={"title": adding.excluded.title})
        )
    versions = await Contract.history(session, 1)
    assert [(v.operation, v.row.title, v.row.updated_by) for v in versions] == [
        ("insert", "a", "ada"),
        ("update", "c", "grace"),
    ]
