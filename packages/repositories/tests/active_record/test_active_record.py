"""Objects that find, write and delete themselves, in a session or bound to an engine."""

from __future__ import annotations

import asyncio
import copy
import pickle
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, inspect
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager, TransactionManager, create_engine
from andamios_orm.core.errors import (
    ConfigurationError,
    DuplicateKeyError,
    MultipleResultsError,
    NotFoundError,
    StaleVersionError,
    TransactionAbortedError,
    ValidationError,
)
from andamios_orm.models import BaseModel, DataclassModel, IntegerKey
from andamios_orm.queries import UnknownNameError
from andamios_orm.repositories import GenericRepository
from andamios_orm.repositories.active_record.active_record import ActiveRecord

from ..test_databases import URLS, reachable
from .record_models import (
    Badge,
    Chair,
    Club,
    Gadget,
    Letter,
    Member,
    Memo,
    Oven,
    Page,
    Record,
    Tool,
    bound,
    unsaved,
)


@pytest.fixture
async def engine(engine: AndamiosEngine) -> AsyncIterator[AndamiosEngine]:
    """An engine that all the models are bound to."""
    async with bound(engine) as engine:
        yield engine


@pytest.fixture
async def ada(engine: AndamiosEngine) -> Member:
    return await Member.create(name="ada", age=36)


@pytest.fixture(params=["in a session", "bound"])
async def anywhere(request: pytest.FixtureRequest, engine: AndamiosEngine) -> AsyncIterator[AndamiosEngine]:
    """The engine, with a current session and without one."""
    if request.param == "bound":
        yield engine
    else:
        async with SessionManager(engine):
            yield engine


async def ages(engine: AndamiosEngine) -> dict[str, Any]:
    """Return what the table holds when everything is committed."""
    async with AsyncSession(engine) as session:
        return {each.name: each.age for each in await GenericRepository[Member](session).list()}


class TestEverywhere:
    async def test_an_object_from_creation_to_deletion(self, anywhere: AndamiosEngine) -> None:
        ada = await Member.create({"name": "ada"}, age=36)
        ada.age = 37
        assert await ada.save() is ada
        found = await Member.find(ada.id)
        assert found is not None
        assert (found.name, found.age) == ("ada", 37)
        await found.delete()
        assert await Member.find(ada.id) is None

    async def test_a_new_object_is_saved(self, anywhere: AndamiosEngine) -> None:
        ada = Member(name="ada")
        assert await ada.save() is ada
        assert [each.id for each in await Member.all()] == [ada.id]

    async def test_queries(self, anywhere: AndamiosEngine) -> None:
        for number in range(5):
            await Member.create(name=f"n{number}", age=number)
        found = (
            await Member.where({"age__gte": 2}, Member.age < 5, name__ne="n3").order_by("-age").limit(2).all()
        )
        assert [each.name for each in found] == ["n4", "n2"]
        assert [each.age for each in await Member.all()] == [0, 1, 2, 3, 4]

    async def test_what_is_there_is_not_created(self, anywhere: AndamiosEngine) -> None:
        ada = await Member.first_or_create({"age": 36}, name="ada")
        again = await Member.first_or_create(defaults={"age": 99}, name="ada")
        assert (again.id, again.age) == (ada.id, 36)

    async def test_several_are_not_one(self, anywhere: AndamiosEngine) -> None:
        for name in ("ada", "bob"):
            await Member.create(name=name, age=36)
        with pytest.raises(MultipleResultsError):
            await Member.first_or_create(age=36)

    async def test_an_object_is_read_again(self, anywhere: AndamiosEngine) -> None:
        ada = await Member.create(name="ada", age=36)
        await Member.where(name="ada").update(age=37)
        ada.name = "not saved"
        await ada.refresh()
        assert (ada.name, ada.age) == ("ada", 37)
        assert (await Member.all())[0].name == "ada"

    async def test_a_relationship_is_read(self, anywhere: AndamiosEngine) -> None:
        await Club.create(name="red", members=[Member(name="ada")])
        red = (await Club.all())[0]
        await red.refresh("members")
        assert [each.name for each in red.members] == ["ada"]
        found = await Club.find(red.id, load="members")
        assert found is not None
        assert [each.name for each in found.members] == ["ada"]

    async def test_composite_keys(self, anywhere: AndamiosEngine) -> None:
        chair = await Chair.create(number=1, letter="a")
        chair.holder = "ada"
        await chair.save()
        found = await Chair.find((1, "a"))
        assert found is not None
        assert found.holder == "ada"
        await found.refresh()
        await found.delete()
        with pytest.raises(NotFoundError, match=r"no Chair with key \(1, 'a'\)"):
            await found.save()

    async def test_keys_of_the_application(self, anywhere: AndamiosEngine) -> None:
        gadget = await Gadget.create(name="phone")
        found = await Gadget.find(str(gadget.id))
        assert found is not None
        assert found.name == "phone"

    async def test_what_is_deleted_softly_is_marked(self, anywhere: AndamiosEngine) -> None:
        memo = await Memo.create(text="first")
        await memo.delete()
        assert memo.is_deleted
        assert await Memo.all() == []
        assert await Memo.where().only_deleted().count() == 1

    async def test_classes_that_share_a_table(self, anywhere: AndamiosEngine) -> None:
        await Tool.create(name="hammer")
        oven = await Oven.create(name="oven", degrees=200)
        oven.degrees = 220
        await oven.save()
        assert [type(each).__name__ for each in await Tool.all()] == ["Tool", "Oven"]
        assert await Oven.where(degrees=220).count() == 1
        assert await Oven.find((await Tool.all())[0].id) is None

    async def test_dataclasses(self, anywhere: AndamiosEngine) -> None:
        badge = await Badge("one").save()
        badge.name = "two"
        await badge.save()
        assert [each.name for each in await Badge.all()] == ["two"]

    async def test_a_key_is_changed(self, anywhere: AndamiosEngine) -> None:
        ada = await Member.create(id=1, name="ada")
        ada.id = 9
        await ada.save()
        assert [each.id for each in await Member.all()] == [9]

    async def test_what_the_model_refuses(self, anywhere: AndamiosEngine) -> None:
        with pytest.raises(ValidationError):
            await Member.create(name="n" * 21)
        with pytest.raises(UnknownNameError, match="did you mean 'name'"):
            await Member.create(nmae="ada")
        with pytest.raises(ConfigurationError, match=r"Member\.id is a number"):
            await Member.find("one")
        ada = await Member.create(name="ada")
        with pytest.raises(UnknownNameError, match="'clubs' is no attribute of Member: did you mean 'club'"):
            await ada.refresh("clubs")

    @pytest.mark.parametrize("call", ["delete", "refresh"])
    async def test_a_new_object_has_no_row(self, anywhere: AndamiosEngine, call: str) -> None:
        with pytest.raises(ConfigurationError, match="this Member is new"):
            await getattr(Member(name="ada"), call)()

    @pytest.mark.parametrize("call", ["save", "delete", "refresh"])
    async def test_what_was_deleted_has_no_row(self, anywhere: AndamiosEngine, call: str) -> None:
        ada = await Member.create(id=7, name="ada")
        await ada.delete()
        with pytest.raises(NotFoundError, match="no Member with key 7"):
            await getattr(ada, call)()

    async def test_an_object_with_a_row_is_not_created(self, anywhere: AndamiosEngine) -> None:
        ada = await Member.create(name="ada")
        with pytest.raises(ConfigurationError, match="has a row already"):
            await Member.create(ada)

    async def test_a_shallow_copy_is_refused(self, anywhere: AndamiosEngine) -> None:
        """It shares its state with the original, whose values would be written."""
        original = await Member.create(name="ada")
        ada = copy.copy(original)
        ada.name = "eve"
        for call in (ada.save, ada.delete, ada.refresh):
            with pytest.raises(ConfigurationError, match=r"made with copy\.copy\(\)"):
                await call()


class TestSessions:
    async def test_a_session_commits_as_one(self, engine: AndamiosEngine) -> None:
        with pytest.raises(LookupError):
            async with SessionManager(engine):
                await Member.create(name="ada")
                assert await ages(engine) == {}
                raise LookupError
        async with SessionManager(engine):
            await Member.create(name="eve")
        assert await ages(engine) == {"eve": None}

    async def test_a_session_comes_before_the_engine(self, engine: AndamiosEngine, tmp_path: Path) -> None:
        other = create_engine(f"duckdb:///{tmp_path}/other.db")
        async with other.begin() as connection:
            await connection.run_sync(Record.metadata.create_all)
        async with SessionManager(other):
            await Member.create(name="ada")
            assert await Member.where().count() == 1
        assert (await Member.all(), await ages(other)) == ([], {"ada": None})
        await other.dispose()

    async def test_a_task_inside_of_a_session_has_none(self, engine: AndamiosEngine) -> None:
        async with SessionManager(engine) as session:
            await asyncio.create_task(Member.create(name="ada"))
            await session.rollback()
        assert await ages(engine) == {"ada": None}

    async def test_an_object_joins_the_session(self, ada: Member, engine: AndamiosEngine) -> None:
        ada.age = 37
        async with SessionManager(engine) as session:
            await ada.save()
            assert ada in session
            ada.age = 38
        assert await ages(engine) == {"ada": 38}

    async def test_a_session_holds_one_object_for_a_row(self, ada: Member, engine: AndamiosEngine) -> None:
        club = Club(name="red")
        ada.club = club
        async with SessionManager(engine) as session:
            held = await Member.find(ada.id)
            with pytest.raises(
                ConfigurationError, match="this Member, or what belongs to it, cannot take part"
            ):
                await ada.save()
            assert list(session) == [held]

    async def test_a_part_in_another_session_keeps_the_rest_out(self, engine: AndamiosEngine) -> None:
        red = await Club.create(name="red", members=[Member(name="ada"), Member(name="bob")])
        async with AsyncSession(engine) as other, SessionManager(engine) as session:
            eve = await GenericRepository[Member](other).create(name="eve")
            red.members.append(eve)
            with pytest.raises(ConfigurationError, match="already attached to session"):
                await red.save()
            assert list(session) == []

    @pytest.mark.parametrize("call", ["save", "delete", "refresh"])
    async def test_an_object_of_another_session(self, ada: Member, engine: AndamiosEngine, call: str) -> None:
        async with AsyncSession(engine) as other:
            other.add(ada)
            ada.age = 37
            with pytest.raises(ConfigurationError, match="this Member belongs to another session"):
                await getattr(ada, call)()
            assert (ada in other, ada.age) == (True, 37)

    async def test_a_transaction_that_failed(self, ada: Member, engine: AndamiosEngine) -> None:
        with pytest.raises(TransactionAbortedError):
            async with SessionManager(engine) as session:
                with pytest.raises(DuplicateKeyError):
                    await GenericRepository[Member](session).create_many([{"name": "bob"}, {"name": "ada"}])
                ada.age = 37
                await ada.save()
        assert await ages(engine) == {"ada": 36}

    async def test_what_a_rollback_undid_is_not_saved_silently(
        self, ada: Member, engine: AndamiosEngine
    ) -> None:
        async with SessionManager(engine) as session:
            ada.age = 37
            await ada.save()
            await session.rollback()
            with pytest.raises(
                ConfigurationError, match="nothing is known of this Member, as after a rollback"
            ):
                await ada.save()
        with pytest.raises(ConfigurationError, match="nothing is known of this Member, as after a rollback"):
            await ada.save()
        await ada.refresh()
        ada.age = 38
        await ada.save()
        assert await ages(engine) == {"ada": 38}

    async def test_what_a_failed_block_undid_is_not_saved_silently(
        self, ada: Member, engine: AndamiosEngine
    ) -> None:
        """The session is closed then, without a rollback that SQLAlchemy would tell the object of."""
        found = []
        with pytest.raises(LookupError):
            async with SessionManager(engine):
                found += await Member.all()
                found[0].age = 37
                await found[0].save()
                raise LookupError
        with pytest.raises(ConfigurationError, match="nothing is known of this Member"):
            await found[0].save()
        await found[0].refresh()
        assert found[0].age == 36

    async def test_a_new_object_of_a_failed_block_has_no_row(self, engine: AndamiosEngine) -> None:
        eve = Member(name="eve")
        with pytest.raises(LookupError):
            async with SessionManager(engine):
                await eve.save()
                raise LookupError
        assert eve.name == "eve"
        with pytest.raises(NotFoundError):
            await eve.save()

    async def test_a_replay_does_not_lose_what_is_saved(self, engine: AndamiosEngine) -> None:
        """Work that is replayed reads its objects itself."""
        gadget = await Gadget.create(name="phone")

        async def work(session: AsyncSession) -> None:
            await gadget.save()
            await asyncio.create_task(_named(gadget.id, "theirs"))

        gadget.name = "mine"
        with pytest.raises(ConfigurationError, match="nothing is known of this Gadget"):
            await TransactionManager(engine).run(work)
        await gadget.refresh()
        assert gadget.name == "phone"

    async def test_a_row_that_another_transaction_removed(self, ada: Member, engine: AndamiosEngine) -> None:
        async with SessionManager(engine):
            held = await Member.find(ada.id)
        assert held is not None
        await ada.delete()
        async with SessionManager(engine):
            for call in (held.save, held.delete, held.refresh):
                with pytest.raises(NotFoundError):
                    await call()

    async def test_a_row_that_was_removed_below_a_session(self, ada: Member, engine: AndamiosEngine) -> None:
        async with SessionManager(engine) as session:
            await ada.refresh()
            await session.commit()
            await asyncio.create_task(_removed(ada.id))
            with pytest.raises(NotFoundError, match=rf"no Member with key {ada.id}"):
                await ada.refresh()


async def _named(key: UUID, name: str) -> None:
    found = await Gadget.find(key)
    assert found is not None
    found.name = name
    await found.save()


async def _removed(key: int) -> None:
    await Member.where(id=key).delete()


class TestWithoutSession:
    async def test_only_what_has_changed_is_written(self, ada: Member) -> None:
        await Member.where(name="ada").update(age=37)
        ada.bio = "wrote programs"
        await ada.save()
        await ada.refresh()
        assert ada.age == 37

    async def test_objects_are_in_no_session(self, ada: Member) -> None:
        for each in (ada, await Member.find(ada.id), *await Member.all(), *await Member.where().all()):
            assert inspect(each).detached
        await ada.refresh("bio")
        assert inspect(ada).detached

    @pytest.mark.parametrize("call", ["save", "delete", "refresh"])
    async def test_a_row_that_is_gone(self, ada: Member, call: str) -> None:
        await Member.where().delete(all_rows=True)
        ada.age = 37
        with pytest.raises(NotFoundError, match=rf"no Member with key {ada.id}"):
            await getattr(ada, call)()
        assert (ada.age, unsaved(ada), await Member.all()) == (37, ["age"], [])

    @pytest.mark.parametrize("call", ["save", "delete"])
    async def test_a_row_with_another_version(self, engine: AndamiosEngine, call: str) -> None:
        mine = await Page.create(title="first")
        theirs = await Page.find(mine.id)
        assert theirs is not None
        theirs.title = "theirs"
        await theirs.save()
        mine.title = "mine"
        with pytest.raises(StaleVersionError) as caught:
            await getattr(mine, call)()
        assert (caught.value.expected, caught.value.found, mine.version, mine.title) == (1, 2, 1, "mine")
        assert [each.title for each in await Page.all()] == ["theirs"]

    async def test_a_version_is_raised_each_time(self, engine: AndamiosEngine) -> None:
        page = await Page.create(title="first")
        for title in ("second", "third"):
            page.title = title
            await page.save()
        assert page.version == 3

    async def test_children_are_written_and_removed_with_their_parent(self, engine: AndamiosEngine) -> None:
        red = await Club.create(name="red", members=[Member(name="ada"), Member(name="bob")])
        ada, bob = red.members
        ada.age = 36
        red.members.remove(bob)
        red.members.append(Member(name="eve"))
        await red.save()
        assert [(each.name, each.age) for each in await Member.all()] == [("ada", 36), ("eve", None)]
        await red.delete()
        assert await Member.all() == []

    async def test_what_the_database_computes_can_be_read(self, engine: AndamiosEngine) -> None:
        red = await Club.create(name="red", members=[Member(name="ada")])
        red.members[0].age = 36
        await red.save()
        assert red.members[0].loud == "CHANGED"

    async def test_a_detached_object_is_a_value(self, engine: AndamiosEngine) -> None:
        red = await Club.create(name="red")
        ada = await Member.create(name="ada", club=red)
        bob = await Member.create(Member(name="bob", club=red))
        eve = await Member(name="eve", club=red).save()
        assert {(each.club_id, each.club) for each in (ada, bob, eve)} == {(red.id, red)}
        assert inspect(red).detached

    async def test_a_value_whose_row_is_gone(self, engine: AndamiosEngine) -> None:
        red = await Club.create(id=1, name="red")
        await Club.where(id=1).delete()
        with pytest.raises(NotFoundError, match="no Club with key 1"):
            await Member.create(name="ada", club=red)

    async def test_what_has_changed_beside_is_not_written_by_a_refresh(self, ada: Member) -> None:
        ada.age = 37
        await ada.refresh("bio")
        assert ada.age == 37
        assert [each.age for each in await Member.all()] == [36]
        await ada.save()
        assert [each.age for each in await Member.all()] == [37]

    @pytest.mark.parametrize("copied", [copy.deepcopy, lambda ada: pickle.loads(pickle.dumps(ada))])
    async def test_copies_are_objects_of_their_own(self, ada: Member, copied: Any) -> None:
        ada.age = 37
        twin = copied(ada)
        twin.name = "eve"
        await twin.save()
        await ada.refresh()
        assert (ada.name, ada.age) == ("eve", 37)


class TestHooks:
    @pytest.fixture(autouse=True)
    def forgotten(self) -> None:
        Letter.seen.clear()

    async def test_they_are_called_around_inserts_and_updates(self, engine: AndamiosEngine) -> None:
        letter = await Letter.create(text="A")
        letter.text = "B"
        await letter.save()
        await letter.save()
        await letter.delete()
        assert Letter.seen == ["before A", "after a", "before B", "after b"]

    async def test_others_call_them_as_well(self, engine: AndamiosEngine) -> None:
        async with SessionManager(engine) as session:
            letter = await GenericRepository[Letter](session).create(text="A")
            letter.text = "B"
            await session.flush()
            session.add(Letter(text="C"))
        assert Letter.seen == ["before A", "after a", "before B", "after b", "before C", "after c"]

    async def test_what_one_raises_before_keeps_all_from_being_written(self, engine: AndamiosEngine) -> None:
        letter = await Letter.create(text="a")
        letter.text = "refused"
        with pytest.raises(LookupError):
            await letter.save()
        assert (letter.text, unsaved(letter)) == ("refused", ["text"])
        assert [each.text for each in await Letter.all()] == ["a"]

    async def test_a_subclass_has_its_own(self, engine: AndamiosEngine) -> None:
        class Loud:
            async def before_save(self) -> None:
                Letter.seen.append("loud")

        class Quiet(Loud, Letter):
            async def before_save(self) -> None:
                await Letter.before_save(self)
                Letter.seen.append("quiet")

        class Loudest(Loud, Letter):
            after_save = None  # type: ignore[assignment] # switched off

        await Quiet.create(text="A")
        await Loudest.create(text="B")
        assert Letter.seen == ["before A", "quiet", "after a", "loud"]

    def test_unknown_parameters_are_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="no parameters but session"):

            class Wrong(Record):
                def before_save(self, changed: Any) -> None:
                    pass


class TestNames:
    @pytest.mark.parametrize(
        "name",
        ["all", "bind", "create", "delete", "find", "first_or_create", "refresh", "save", "where"],
    )
    def test_columns_do_not_hide_methods(self, name: str) -> None:
        before = set(Record.metadata.tables)
        for namespace in (
            {name: mapped_column()},
            {"__annotations__": {name: "Mapped[int]"}},
            {name: hybrid_property(lambda self: 1)},
        ):
            with pytest.raises(
                ConfigurationError, match=rf'ActiveRecord.{name}\(\): .* mapped_column\("{name}"\)'
            ):
                type("Wrong", (Record,), {"__module__": __name__, **namespace})
        assert set(Record.metadata.tables) == before

    def test_columns_of_mixins_do_not_hide_methods(self) -> None:
        class Found:
            find: Mapped[int]

        with pytest.raises(ConfigurationError, match=r"ActiveRecord.find\(\)"):

            class Wrong(Record, Found):  # type: ignore[misc] # that is the mistake
                pass

    async def test_columns_of_tables_do_not_hide_methods(self) -> None:
        table = Table(
            "record_found", Record.metadata, Column("id", Integer, primary_key=True), Column("find")
        )
        with pytest.raises(
            ConfigurationError, match=r"Wrong.find would take the place of ActiveRecord.find\(\)"
        ):

            class Wrong(Record):
                __table__ = table

        class Right(Record):
            __table__ = table
            find_ = table.c.find

        assert Right.where(find_=1).to_sql().endswith("record_found.find = $1")
        Record.metadata.remove(table)

    async def test_methods_may_be_overridden(self, engine: AndamiosEngine) -> None:
        class Parcel(Letter):
            async def save(self) -> Any:
                raise LookupError

        with pytest.raises(LookupError):
            await Parcel(text="a").save()

    def test_the_base_may_come_first(self) -> None:
        class Base(BaseModel, ActiveRecord):
            __abstract__ = True
            metadata = MetaData()

        class Note(IntegerKey, Base):
            def before_save(self) -> None:
                self.id = 1

        assert Note.where().to_sql().startswith("SELECT")

    def test_dataclass_models(self) -> None:
        class Point(ActiveRecord, DataclassModel):
            __tablename__ = "record_points"

            x: Mapped[int]
            y: Mapped[int] = mapped_column(default=0)

        assert Point(1) == Point(1, 0)
        BaseModel.metadata.remove(BaseModel.metadata.tables["record_points"])


@pytest.mark.parametrize("backend", URLS)
async def test_other_databases(backend: str, tmp_path: Path) -> None:
    engine = create_engine(reachable(backend, tmp_path))
    async with engine.begin() as connection:
        await connection.run_sync(Record.metadata.drop_all)
    async with bound(engine):
        red = await Club.create(name="red", members=[Member(name="ada", age=36)])
        ada = red.members[0]
        ada.name = "eve"
        await ada.save()
        bob = await Member.create(name="bob")
        bob.name = "eve"
        for _ in range(2):
            with pytest.raises(DuplicateKeyError):
                await bob.save()
        await bob.delete()
        with pytest.raises(NotFoundError):
            await bob.save()
        assert await Member.where().order_by("id").values_list("name", "age", "club_id") == [
            ("eve", 36, red.id)
        ]
        page = await Page.create(title="one")
        await Page.where(id=page.id).update(title="two")
        page.title = "three"
        with pytest.raises(StaleVersionError):
            await page.save()
    async with engine.begin() as connection:
        await connection.run_sync(Record.metadata.drop_all)
    await engine.dispose()
