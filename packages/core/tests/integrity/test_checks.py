"""Foreign keys that are checked before a commit, and what is done about rows whose parent was deleted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    delete,
    event,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession as PlainSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from andamios_orm.core import (
    AndamiosEngine,
    AsyncSession,
    BeforeCommit,
    SessionManager,
    create_engine,
    events_of,
)
from andamios_orm.core.errors import (
    DuplicateKeyError,
    ForeignKeyError,
    IntegrityError,
    NotNullError,
    NotSupportedError,
    OperationalError,
    QueryTimeoutError,
    TransactionAbortedError,
)

from ..airline import (
    Airline,
    Flight,
    Plane,
    Seat,
    Ticket,
    accept,
    make,
    refuse,
    rows,
)


@pytest.fixture
async def engine(engine: AndamiosEngine) -> AndamiosEngine:
    """An engine whose database has the tables, an airline UA and a plane N1."""
    return await make(engine)


class Base(DeclarativeBase):
    pass


class Folder(Base):
    """A tree that the database is left to prune."""

    __tablename__ = "folder"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("folder.id", ondelete="CASCADE"))


class Node(Base):
    """A tree that the ORM prunes."""

    __tablename__ = "node"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("node.id"))
    children: Mapped[list[Node]] = relationship(cascade="all, delete-orphan")


labels = Table(
    "label_of_post",
    Base.metadata,
    Column("post_id", ForeignKey("post.id"), primary_key=True),
    Column("label_id", ForeignKey("label.id"), primary_key=True),
)


class Label(Base):
    __tablename__ = "label"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class Post(Base):
    __tablename__ = "post"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    labels: Mapped[list[Label]] = relationship(secondary=labels)
    comments: Mapped[list[Comment]] = relationship(passive_deletes=True, cascade="all, delete-orphan")

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "post"}


class Article(Post):
    """A post in a table of its own, whose key refers to that of posts."""

    __tablename__ = "article"

    id: Mapped[int] = mapped_column(ForeignKey("post.id"), primary_key=True, autoincrement=False)
    title: Mapped[str]

    __mapper_args__ = {"polymorphic_identity": "article"}


class Comment(Base):
    """Goes with its post; versioned, so that the ORM insists on the rows it deletes."""

    __tablename__ = "comment"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    post_id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"))
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}


POSTS = Base.metadata.tables["post"]


@pytest.fixture
async def blog(engine: AndamiosEngine) -> AndamiosEngine:
    """The engine with the tables of this module."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all, checkfirst=False)
    return engine


class TestDeletedParents:
    @pytest.fixture(autouse=True)
    async def flights(self, engine: AndamiosEngine) -> None:
        async with SessionManager(engine) as session:
            session.add_all([Airline(code="AA"), Airline(code="BA"), Plane(tail="N2")])
            session.add(Flight(id=1, airline="UA", partner="AA", plane="N1"))
            session.add(Flight(id=2, airline="BA", partner="BA", plane="N2"))
            session.add_all(
                [Seat(flight=1, number="1A"), Seat(flight=1, number="1B"), Seat(flight=2, number="1A")]
            )
            session.add_all([Ticket(id=n, flight=1, seat="1A") for n in (1, 2)])
            session.add_all([Ticket(id=3, flight=2, seat="1A"), Ticket(id=4, flight=1, seat=None)])

    async def test_a_parent_that_is_referred_to_stays(self, engine: AndamiosEngine) -> None:
        error = await refuse(engine, delete(Airline).where(Airline.code == "UA"))
        assert "airline.code 'UA' is gone, and flight.airline still refers to it" in str(error)
        assert (error.table, error.column, error.value, error.referred_table) == (
            "flight",
            "airline",
            "UA",
            "airline",
        )
        assert ("UA",) in await rows(engine, Airline.code)

    @pytest.mark.parametrize("parent_first", [True, False])
    async def test_child_and_parent_go_in_any_order(self, engine: AndamiosEngine, parent_first: bool) -> None:
        both = [delete(Airline).where(Airline.code == "UA"), delete(Flight).where(Flight.airline == "UA")]
        await accept(engine, *(both if parent_first else reversed(both)))
        assert ("UA",) not in await rows(engine, Airline.code)
        assert await rows(engine, Flight.id) == [(2,)]

    @pytest.mark.parametrize("parent_first", [True, False])
    async def test_objects_go_in_any_order(self, engine: AndamiosEngine, parent_first: bool) -> None:
        async with SessionManager(engine) as session:
            both = [await session.get_one(Airline, "UA"), await session.get_one(Flight, 1)]
            for each in both if parent_first else reversed(both):
                await session.delete(each)
                await session.flush()
        assert await rows(engine, Flight.id) == [(2,)]

    async def test_a_key_that_comes_back_is_there(self, engine: AndamiosEngine) -> None:
        await accept(
            engine,
            delete(Airline).where(Airline.code == "UA"),
            insert(Airline).values(code="UA", name="United"),
        )
        assert ("UA", "United") in await rows(engine, Airline.code, Airline.name)

    async def test_a_child_of_a_deleted_parent_is_refused(self, engine: AndamiosEngine) -> None:
        await accept(engine, insert(Airline).values(code="LH"))
        error = await refuse(
            engine,
            delete(Airline).where(Airline.code == "LH"),
            insert(Flight).values(id=3, airline="LH"),
        )
        assert error.value == "LH"

    async def test_set_null(self, engine: AndamiosEngine) -> None:
        await accept(engine, delete(Plane).where(Plane.tail == "N1"))
        assert await rows(engine, Flight.id, Flight.plane) == [(1, None), (2, "N2")]

    async def test_cascade_through_all_levels(self, engine: AndamiosEngine) -> None:
        await accept(engine, delete(Airline).where(Airline.code == "AA"))
        assert await rows(engine, Flight.id) == [(2,)]
        assert await rows(engine, Seat.flight, Seat.number) == [(2, "1A")]
        assert await rows(engine, Ticket.id) == [(3,), (4,)]

    async def test_cascade_is_done_when_the_statement_is(self, engine: AndamiosEngine) -> None:
        async with SessionManager(engine) as session:
            await session.execute(delete(Flight).where(Flight.id == 1))
            assert await session.scalar(select(func.count(Seat.number))) == 1
            await session.rollback()
        assert len(await rows(engine, Seat.number)) == 3

    async def test_two_keys_of_one_table(self, engine: AndamiosEngine) -> None:
        error = await refuse(
            engine, update(Flight).values(partner="UA"), delete(Airline).where(Airline.code == "BA")
        )
        assert (error.column, error.value) == ("airline", "BA")
        await accept(engine, delete(Airline).where(Airline.code == "BA"))
        assert await rows(engine, Flight.id) == [(1,)]

    async def test_a_flush_deletes_with_cascade(self, engine: AndamiosEngine) -> None:
        async with SessionManager(engine) as session:
            await session.delete(await session.get_one(Airline, "AA"))
            await session.delete(await session.get_one(Plane, "N2"))
        assert await rows(engine, Flight.id, Flight.plane) == [(2, None)]
        assert await rows(engine, Ticket.id) == [(3,), (4,)]

    async def test_a_flush_may_delete_what_a_cascade_would(self, engine: AndamiosEngine) -> None:
        """A flush orders its deletions by relationships, and counts the rows; these classes have none."""
        async with SessionManager(engine) as session:
            for each in (
                await session.get_one(Airline, "AA"),
                await session.get_one(Flight, 1),
                await session.get_one(Seat, (1, "1A")),
                await session.get_one(Ticket, 1),
            ):
                await session.delete(each)
        assert await rows(engine, Ticket.id) == [(3,), (4,)]

    async def test_a_changed_key_is_still_referred_to(self, engine: AndamiosEngine) -> None:
        error = await refuse(engine, update(Airline).where(Airline.code == "AA").values(code="A2"))
        assert (error.column, error.value) == ("partner", "AA")
        assert "airline.code 'AA' is gone" in str(error)

    async def test_a_changed_key_whose_children_follow(self, engine: AndamiosEngine) -> None:
        async with SessionManager(engine) as session:
            (await session.get_one(Airline, "UA")).code = "UX"
            (await session.get_one(Flight, 1)).airline = "UX"
        assert ("UX",) in await rows(engine, Flight.airline)

    async def test_many_parents_at_once(self, engine: AndamiosEngine) -> None:
        async with SessionManager(engine) as session:
            session.add_all([Flight(id=n) for n in range(10, 310)])
            session.add_all([Seat(flight=n, number="1A") for n in range(10, 310)])
        async with SessionManager(engine) as session:
            for flight in await session.scalars(select(Flight).where(Flight.id >= 20)):
                await session.delete(flight)
        assert await rows(engine, func.max(Seat.flight)) == [(19,)]

    async def test_nothing_to_delete(self, engine: AndamiosEngine) -> None:
        await accept(engine, delete(Airline).where(Airline.code == "XX"))
        assert len(await rows(engine, Flight.id)) == 2

    async def test_orphans_of_others_are_left_alone(self, engine: AndamiosEngine) -> None:
        """Rows that text made, and that no statement here touches."""
        await accept(engine, text("INSERT INTO flight (id, airline, partner) VALUES (9, 'OLD', 'OLD')"))
        async with SessionManager(engine) as session:
            session.add(Flight(id=3, airline="UA"))
            await session.delete(await session.get_one(Airline, "AA"))
        await accept(
            engine,
            delete(Airline).where(Airline.code.in_(["OLD", "BA"])),
            delete(Flight).where(Flight.id == 2),
        )
        await accept(
            engine, insert(Airline).values(code="OLD2"), delete(Airline).where(Airline.code == "OLD2")
        )
        assert await rows(engine, Flight.id) == [(3,), (9,)]

    async def test_returning(self, engine: AndamiosEngine) -> None:
        async with SessionManager(engine) as session:
            gone = await session.scalars(delete(Flight).where(Flight.airline == "UA").returning(Flight.id))
            assert gone.all() == [1]
            assert await session.scalar(select(func.count(Seat.number))) == 1
        assert await rows(engine, Ticket.id) == [(3,), (4,)]


class TestTrees:
    @pytest.fixture(autouse=True)
    async def tree(self, blog: AndamiosEngine) -> None:
        async with SessionManager(blog) as session:
            for number in range(1, 5):
                above = number - 1 or None
                session.add_all([Folder(id=number, parent_id=above), Folder(id=10 * number, parent_id=above)])
                session.add(Node(id=number, parent_id=above))

    async def test_the_database_prunes_four_levels(self, blog: AndamiosEngine) -> None:
        await accept(blog, delete(Folder).where(Folder.id == 2))
        assert await rows(blog, Folder.id) == [(1,), (10,), (20,)]

    async def test_the_orm_prunes(self, blog: AndamiosEngine) -> None:
        async with SessionManager(blog) as session:
            for number in range(1, 5):
                await session.get_one(Node, number)
            root = await session.get_one(Node, 1)
            await session.run_sync(lambda sync: sync.delete(root))
        assert await rows(blog, Node.id) == []

    async def test_a_branch_is_not_cut_below_others(self, blog: AndamiosEngine) -> None:
        error = await refuse(blog, delete(Node).where(Node.id == 3))
        assert (error.table, error.column, error.value) == ("node", "parent_id", 3)

    async def test_a_long_chain(self, blog: AndamiosEngine) -> None:
        count = 120
        await accept(blog, text(f"INSERT INTO folder SELECT 1000 + range, 999 + range FROM range({count})"))
        await accept(blog, insert(Folder).values(id=999))
        await accept(blog, delete(Folder).where(Folder.id == 999))
        assert await rows(blog, func.max(Folder.id)) == [(40,)]

    async def test_a_circle(self, blog: AndamiosEngine) -> None:
        await accept(blog, update(Folder).where(Folder.id == 1).values(parent_id=4))
        await accept(blog, delete(Folder).where(Folder.id == 3))
        assert await rows(blog, Folder.id) == [(10,)]


class TestMappings:
    async def test_many_to_many(self, blog: AndamiosEngine) -> None:
        async with SessionManager(blog) as session:
            session.add(Post(id=1, labels=[Label(id=1), Label(id=2)]))
        async with SessionManager(blog) as session:
            await session.delete(await session.get_one(Post, 1))
            await session.flush()
            assert await session.scalar(select(func.count()).select_from(labels)) == 0
        with pytest.raises(ForeignKeyError, match=r"label_of_post.label_id refers to label.id 3"):
            async with SessionManager(blog) as session:
                session.add(Post(id=2))
                await session.flush()
                await session.execute(insert(labels).values(post_id=2, label_id=3))

    async def test_a_secondary_row_that_a_flush_writes(self, blog: AndamiosEngine) -> None:
        await accept(blog, insert(Label).values(id=1))
        with pytest.raises(ForeignKeyError, match=r"label_of_post.label_id refers to label.id 1"):
            async with SessionManager(blog) as session:
                session.add(Post(id=1, labels=[await session.get_one(Label, 1)]))
                await session.execute(delete(Label).execution_options(synchronize_session=False))
        assert await rows(blog, Post.id) == []

    async def test_a_class_in_two_tables(self, blog: AndamiosEngine) -> None:
        async with SessionManager(blog) as session:
            session.add_all([Article(id=1, title="a"), Article(id=2, title="b")])
        async with SessionManager(blog) as session:
            await session.delete(await session.get_one(Article, 1))
        assert await rows(blog, POSTS.c.id) == [(2,)]
        await refuse(blog, insert(Base.metadata.tables["article"]).values(id=3, title="c"))
        with pytest.raises(ForeignKeyError, match=r"article.id refers to post.id 4"):
            async with SessionManager(blog) as session:
                await session.execute(insert(Article), [{"id": 4, "title": "d"}])
                await session.execute(delete(POSTS).where(POSTS.c.id == 4))

    async def test_children_that_the_orm_leaves_to_the_database(self, blog: AndamiosEngine) -> None:
        async with SessionManager(blog) as session:
            session.add(Post(id=1, comments=[Comment(id=1), Comment(id=2)]))
        async with SessionManager(blog) as session:
            await session.delete(await session.get_one(Post, 1))
        assert await rows(blog, Comment.id) == []

    async def test_versions_count_what_a_flush_deletes(self, blog: AndamiosEngine) -> None:
        async with SessionManager(blog) as session:
            session.add(Post(id=1, comments=[Comment(id=1), Comment(id=2)]))
        async with SessionManager(blog) as session:
            comment = await session.get_one(Comment, 1)
            await session.delete(await session.get_one(Post, 1))
            await session.delete(comment)
        assert await rows(blog, Comment.id) == []


class TestTransactions:
    async def test_a_session_goes_on_after_a_rollback(self, engine: AndamiosEngine) -> None:
        async with AsyncSession(engine) as session:
            session.add(Flight(id=1, airline="ZZ"))
            with pytest.raises(ForeignKeyError):
                await session.commit()
            await session.rollback()
            session.add(Flight(id=2, airline="UA"))
            await session.commit()
        assert await rows(engine, Flight.id) == [(2,)]

    async def test_a_connection_goes_on_after_a_rollback(self, engine: AndamiosEngine) -> None:
        """The rows that were refused are not in the next transaction."""
        async with engine.connect() as connection:
            await connection.execute(insert(Flight).values(id=1, airline="ZZ"))
            with pytest.raises(ForeignKeyError):
                await connection.commit()
            await connection.rollback()
            await connection.execute(insert(Flight).values(id=2, airline="UA"))
            await connection.commit()
        assert await rows(engine, Flight.id) == [(2,)]

    async def test_a_session_on_a_connection(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            async with AsyncSession(connection) as session:
                session.add(Flight(id=1, airline="ZZ"))
                with pytest.raises(ForeignKeyError):
                    await session.commit()
                await session.rollback()
            async with AsyncSession(connection) as session:
                session.add(Flight(id=2, airline="UA"))
                await session.commit()
        assert await rows(engine, Flight.id) == [(2,)]

    async def test_a_session_inside_of_a_transaction_leaves_the_check_to_it(
        self, engine: AndamiosEngine
    ) -> None:
        async with engine.begin() as connection:
            async with AsyncSession(connection) as session:
                session.add(Flight(id=1, airline="AA"))
                await session.commit()
            await connection.execute(insert(Airline).values(code="AA"))
        assert await rows(engine, Flight.id) == [(1,)]

    async def test_what_was_rolled_back_is_forgotten(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            await connection.execute(insert(Flight).values(id=1, airline="ZZ"))
            await connection.rollback()
            await connection.execute(text("INSERT INTO flight (id, airline) VALUES (2, 'ZZ')"))
            await connection.commit()
        assert await rows(engine, Flight.id) == [(2,)]

    async def test_callbacks_see_a_rollback(self, engine: AndamiosEngine) -> None:
        told: list[str] = []
        with pytest.raises(ForeignKeyError):
            async with SessionManager(engine) as session:
                session.on_commit(lambda: told.append("committed"))
                session.on_rollback(lambda: told.append("rolled back"))
                session.add(Flight(id=1, airline="ZZ"))
        assert told == ["rolled back"]

    async def test_an_aborted_transaction_says_so(self, engine: AndamiosEngine) -> None:
        with pytest.raises(TransactionAbortedError, match="nothing of it was written"):
            async with SessionManager(engine) as session:
                await session.execute(insert(Flight).values(id=1, airline="UA"))
                with pytest.raises(DuplicateKeyError):
                    await session.execute(insert(Flight).values(id=1, airline="UA"))

    @pytest.mark.parametrize("goes_on", [True, False])
    async def test_what_a_listener_to_the_commit_writes_is_checked(
        self, engine: AndamiosEngine, goes_on: bool
    ) -> None:
        async def write(event: BeforeCommit) -> None:
            assert event.connection is not None
            with suppress(*[ForeignKeyError] * goes_on):
                await event.connection.execute(insert(Flight).values(id=1, airline="ZZ"))

        told = pytest.raises(TransactionAbortedError if goes_on else ForeignKeyError)
        with events_of(engine).subscribe(BeforeCommit, write), told:
            await accept(engine, insert(Plane).values(tail="N2"))
        assert await rows(engine, Flight.id) == []
        assert await rows(engine, Plane.tail) == [("N1",)]

    async def test_a_listener_to_the_commit_may_write(self, engine: AndamiosEngine) -> None:
        await accept(engine, insert(Flight).values(id=1, airline="UA", plane="N1"))

        async def write(event: BeforeCommit) -> None:
            assert event.connection is not None
            await event.connection.execute(insert(Flight).values(id=2, airline="AA"))
            await event.connection.execute(delete(Plane))

        with events_of(engine).subscribe(BeforeCommit, write):
            await accept(engine, insert(Airline).values(code="AA"))
        assert await rows(engine, Flight.id, Flight.plane) == [(1, None), (2, None)]

    async def test_what_a_statement_leads_to_has_its_time_limit(self, engine: AndamiosEngine) -> None:
        limits: list[object] = []

        def note(connection: Any, statement: Any, several: Any, single: Any, options: Any) -> None:
            limits.append(options["statement_timeout"])

        await accept(engine, insert(Flight).values(id=1, partner="UA"))
        async with AsyncSession(engine, statement_timeout=5) as session:
            await session.connection()
            event.listen(engine.sync_engine, "before_execute", note)
            await session.execute(delete(Flight), execution_options={"statement_timeout": 60})
            assert set(limits) == {60}
            await session.execute(delete(Airline), execution_options={"statement_timeout": None})
            event.remove(engine.sync_engine, "before_execute", note)
        assert set(limits) == {60, None}
        assert len(limits) > 4

    async def test_an_open_stream_is_read_to_its_end(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            await connection.execute(insert(Flight).values(id=1, airline="UA"))
            stream = await connection.stream(text("SELECT range FROM range(10_000)"))
            assert await stream.fetchone() == (0,)
            await connection.commit()
            assert len(await stream.fetchall()) == 9_999
        assert await rows(engine, Flight.id) == [(1,)]

    async def test_a_connection_that_streams(self, engine: AndamiosEngine) -> None:
        async with engine.connect() as connection:
            await connection.execution_options(yield_per=1)
            await connection.stream(insert(Flight).values(id=1, partner="UA"))
            await connection.stream(delete(Airline))
            await connection.commit()
        assert await rows(engine, Flight.id) == []

    async def test_autocommit_is_refused_where_something_would_be_checked(
        self, engine: AndamiosEngine
    ) -> None:
        async with engine.connect() as connection:
            await connection.execution_options(isolation_level="AUTOCOMMIT")
            await connection.execute(insert(Plane).values(tail="N2"))
            await connection.execute(update(Airline).values(name="United"))
            await connection.execute(delete(Ticket))
            for statement in (
                insert(Flight).values(id=1, airline="UA"),
                update(Flight).values(airline=None),
                delete(Airline).where(Airline.code == "ZZ"),
            ):
                with pytest.raises(
                    NotSupportedError, match="under AUTOCOMMIT: write in a transaction"
                ) as caught:
                    await connection.execute(statement)
                assert "foreign_keys=" in str(caught.value.remedy)
        async with AsyncSession(engine.execution_options(isolation_level="AUTOCOMMIT")) as session:
            with pytest.raises(NotSupportedError, match="under AUTOCOMMIT"):
                await session.bulk_insert(Flight, [{"id": 1, "airline": "UA"}])
        assert await rows(engine, Flight.id) == []

    async def test_a_read_only_transaction_stays_one(self, engine: AndamiosEngine) -> None:
        async with AsyncSession(engine, read_only=True) as session:
            assert (await session.scalars(select(Airline.code))).all() == ["UA"]
            await session.commit()
            with pytest.raises(OperationalError, match="read-only"):
                await session.execute(delete(Airline))

    async def test_a_constraint_refuses_what_an_action_does(self, blog: AndamiosEngine) -> None:
        metadata = MetaData()
        parent = Table("parent", metadata, Column("id", Integer, primary_key=True, autoincrement=False))
        child = Table(
            "child", metadata, Column("id", ForeignKey("parent.id", ondelete="SET NULL"), nullable=False)
        )
        async with blog.begin() as connection:
            await connection.run_sync(metadata.create_all, checkfirst=False)
            await connection.execute(insert(parent).values(id=1))
            await connection.execute(insert(child).values(id=1))
        with pytest.raises(NotNullError):
            await accept(blog, delete(parent))
        assert await rows(blog, child.c.id) == [(1,)]

    async def test_who_prevents_an_action_does_not_prevent_the_check(self, engine: AndamiosEngine) -> None:
        def refuse_seats(connection: Any, statement: Any, *others: Any) -> None:
            if statement.is_delete and statement.table.name == "seat":
                raise LookupError("seats stay")

        await accept(engine, insert(Flight).values(id=1), insert(Seat).values(flight=1, number="1A"))
        event.listen(engine.sync_engine, "before_execute", refuse_seats)
        async with engine.connect() as connection:
            for end in (None, connection.commit):
                with pytest.raises(LookupError):
                    await connection.execute(delete(Flight))
                if end is not None:
                    with pytest.raises(LookupError):
                        await end()
            await connection.rollback()
            with pytest.raises(LookupError):
                await connection.execute(delete(Flight))
            event.remove(engine.sync_engine, "before_execute", refuse_seats)
            await connection.commit()
        assert await rows(engine, Seat.number) == []

    async def test_deletions_before_a_flush_that_has_nothing_to_do(self, engine: AndamiosEngine) -> None:
        """What they lead to is done at commit at the latest."""
        await accept(
            engine, insert(Flight).values(id=1, airline="UA"), insert(Seat).values(flight=1, number="1A")
        )
        async with SessionManager(engine) as session:
            flight = await session.get_one(Flight, 1)

            def before_flush(sync: Session, *others: Any) -> None:
                sync.connection().execute(delete(Flight))
                sync.expunge(flight)

            event.listen(session.sync_session, "before_flush", before_flush)
            flight.airline = None
        assert await rows(engine, Seat.number) == []

    async def test_a_session_of_sqlalchemy_alone(self, engine: AndamiosEngine) -> None:
        async with PlainSession(engine) as session:
            session.add(Flight(id=1, partner="UA"))
            await session.commit()
            await session.delete(await session.get_one(Airline, "UA"))
            await session.commit()
        assert await rows(engine, Flight.id) == []


class TestSlowChecks:
    """A check that would never end: what the foreign key refers to is a view."""

    metadata = MetaData()
    parent = Table("parent", metadata, Column("id", Integer, primary_key=True))
    child = Table("child", metadata, Column("id", ForeignKey("parent.id")))

    @pytest.fixture
    async def slow(self, engine: AndamiosEngine) -> AndamiosEngine:
        numbers = "range(1_000_000_000) a, range(1_000_000_000) b"
        async with engine.begin() as connection:
            await connection.run_sync(self.child.create)
            await connection.execute(
                text(f"CREATE VIEW parent AS SELECT sum(hash(a.range + b.range)) AS id FROM {numbers}")
            )
        return engine

    async def test_a_cancelled_check_writes_nothing(self, slow: AndamiosEngine) -> None:
        async with slow.connect() as connection:
            await connection.execute(insert(self.child).values(id=1))
            commit = asyncio.create_task(connection.commit())
            await asyncio.sleep(0.1)
            commit.cancel()
            with pytest.raises(asyncio.CancelledError):
                await commit
        assert await rows(slow, self.child.c.id) == []

    async def test_a_timeout_writes_nothing(self, slow: AndamiosEngine) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1), SessionManager(slow) as session:
                await session.execute(insert(self.child).values(id=1))
        assert await rows(slow, self.child.c.id) == []

    async def test_a_statement_timeout_writes_nothing(self, slow: AndamiosEngine) -> None:
        async with AsyncSession(slow, statement_timeout=0.1) as session:
            await session.execute(insert(self.child).values(id=1))
            with pytest.raises(QueryTimeoutError):
                await session.commit()
            await session.rollback()
            assert (await session.scalars(select(self.child.c.id))).all() == []


class TestModes:
    @pytest.fixture(params=["off", "native"])
    async def other(self, request: pytest.FixtureRequest) -> AsyncIterator[AndamiosEngine]:
        engine = create_engine(f"duckdb:///:memory:?foreign_keys={request.param}")
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.tables["node"].create)
        yield engine
        await engine.dispose()

    async def test_other_modes_leave_it_to_the_engine(self, other: AndamiosEngine) -> None:
        bad = insert(Node).values(id=1, parent_id=7)
        if "native" in str(other.url):
            with pytest.raises(IntegrityError, match="Violates foreign key constraint"):
                await accept(other, bad)
        else:
            await accept(other, bad)
            async with AsyncSession(other) as session:
                await session.delete(await session.get_one(Node, 1))
                await session.commit()
        assert await rows(other, Node.id) == []

    async def test_other_backends_are_left_alone(self) -> None:
        engine = create_engine("sqlite://")
        async with engine.begin() as connection:
            await connection.run_sync(Node.metadata.create_all, checkfirst=False)
        async with SessionManager(engine) as session:
            session.add(Node(id=1, parent_id=7))
        assert await rows(engine, Node.parent_id) == [(7,)]
        await engine.dispose()
