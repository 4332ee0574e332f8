"""What takes part in the operations of repositories: who is asked, in which order, about what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import ConfigurationError, NotFoundError
from andamios_orm.models import IntegerKey
from andamios_orm.queries import Q
from andamios_orm.repositories.active_record.active_record import ActiveRecord
from andamios_orm.repositories.plugins import plugins
from andamios_orm.repositories.plugins.plugins import Kind, Operation, Plugins, Proceed
from andamios_orm.repositories.repositories import GenericRepository
from andamios_orm.repositories.soft_delete import SoftDeleteRepository

from ..contract_models import Base, Guest, Person, row

told: ContextVar[list[Any]] = ContextVar("told")


async def tell(operation: Operation, proceed: Proceed) -> Any:
    """Note each operation, and when it ended."""
    told.get().append((operation.kind, operation.name))
    return await proceed()


class Told(GenericRepository[Person], plugins=[tell]):
    pass


class ToldGuests(SoftDeleteRepository[Guest], plugins=[tell]):
    pass


@pytest.fixture
def operations() -> Iterator[list[Any]]:
    """What was told in a test."""
    noted: list[Any] = []
    token = told.set(noted)
    yield noted
    told.reset(token)


CALLS: dict[str, Any] = {
    "get_by_id": lambda people: people.get_by_id(1),
    "list": lambda people: people.list(),
    "find": lambda people: people.find(),
    "find_one": lambda people: people.find_one(id=1),
    "exists": lambda people: people.exists(),
    "count": lambda people: people.count(),
    "in_bulk": lambda people: people.in_bulk([1]),
    "list_and_count": lambda people: people.list_and_count(),
    "page": lambda people: people.page(),
    "page_after": lambda people: people.page_after(),
    "create": lambda people: people.create(row(9)),
    "create_many": lambda people: people.create_many([row(9)]),
    "update": lambda people: people.update(1, age=1),
    "update_many": lambda people: people.update_many([{"id": 1, "age": 1}]),
    "update_where": lambda people: people.update_where({"id": 1}, age=1),
    "delete": lambda people: people.delete(1),
    "delete_many": lambda people: people.delete_many([1]),
    "delete_where": lambda people: people.delete_where({"id": 1}),
}


@pytest.mark.parametrize(("name", "call"), CALLS.items(), ids=CALLS)
async def test_each_operation_is_told_once(
    session: AsyncSession, operations: list[Any], name: str, call: Any
) -> None:
    await call(Told(session))
    kind = name.split("_")[0]
    assert operations == [(kind if kind in ("create", "update", "delete") else "read", name)]


COMPOSED: dict[str, tuple[Any, list[str]]] = {
    "get_one": (lambda people: people.get_one(1), ["get_by_id"]),
    "get_or_create": (lambda people: people.get_or_create(row(9), id=9), ["find_one", "create"]),
    "update_or_create": (lambda people: people.update_or_create(id=1), ["find_one", "update"]),
    "upsert": (lambda people: people.upsert(row(9)), ["find_one", "create"]),
    "upsert_many": (lambda people: people.upsert_many([row(1), row(9)]), ["create_many", "update_many"]),
}


@pytest.mark.parametrize(("call", "expected"), COMPOSED.values(), ids=COMPOSED)
async def test_what_is_made_of_others_is_told_as_these(
    session: AsyncSession, operations: list[Any], call: Any, expected: list[str]
) -> None:
    await call(Told(session))
    assert [name for _, name in operations] == expected


async def test_a_stream_is_told(session: AsyncSession, operations: list[Any]) -> None:
    assert [person.id async for person in Told(session).stream()] == [1, 2, 3, 4, 5]
    assert operations == [("read", "stream")]


async def test_what_is_marked_as_deleted_is_told(session: AsyncSession, operations: list[Any]) -> None:
    guests = ToldGuests(session)
    await guests.delete(1)
    await guests.list_deleted()
    await guests.restore(1)
    await guests.hard_delete(1)
    assert operations == [
        ("delete", "delete"),
        ("read", "list_deleted"),
        ("update", "restore"),
        ("delete", "hard_delete"),
    ]


async def test_an_operation_says_what_it_is_about(session: AsyncSession) -> None:
    found = []

    async def keep(operation: Operation, proceed: Proceed) -> Any:
        found.append(operation)
        return await proceed()

    class People(GenericRepository[Person], plugins=[keep]):
        pass

    await People(session).update(1, {"age": 3}, name="x")
    (operation,) = found
    assert (operation.model, operation.session) == (Person, session)
    assert operation.arguments == {"target": 1, "data": {"age": 3}, "values": {"name": "x"}}
    assert repr(operation) == f"Operation(kind='update', name='update', model={Person!r})"


async def test_a_result_may_be_changed_and_an_error_passes(session: AsyncSession) -> None:
    class Doubling:
        async def __call__(self, operation: Operation, proceed: Proceed) -> Any:
            return 2 * await proceed()

    class People(GenericRepository[Person], plugins=[Doubling()]):
        pass

    assert await People(session).count() == 10
    with pytest.raises(NotFoundError):
        await People(session).update(99, age=1)


async def test_a_refused_operation_does_nothing(session: AsyncSession) -> None:
    async def refuse(operation: Operation, proceed: Proceed) -> Any:
        if operation.kind == "delete":
            raise PermissionError(operation.name)
        return await proceed()

    class People(GenericRepository[Person], plugins=[refuse]):
        pass

    for delete in (People(session).delete(1), People(session).delete_where({"id": 1})):
        with pytest.raises(PermissionError, match="delete"):
            await delete
    assert await People(session).count() == 5


async def test_those_of_base_classes_come_first(session: AsyncSession) -> None:
    order = []

    def noting(name: str) -> Any:
        async def note(operation: Operation, proceed: Proceed) -> Any:
            order.append(f"{name} begins")
            result = await proceed()
            order.append(f"{name} ends")
            return result

        return note

    class Outer(GenericRepository[Person], plugins=[noting("a"), noting("b")]):
        pass

    class Inner(Outer, plugins=[noting("c")]):
        pass

    await Inner(session).count()
    assert order == ["a begins", "b begins", "c begins", "c ends", "b ends", "a ends"]


class Adults:
    """Lets everybody be read, grown-ups be changed, and nobody be deleted."""

    def conditions(self, model: type[Any], kind: Kind) -> Iterable[Any]:
        if kind == "read":
            return []
        return [{"age__gte": 18}] if kind == "update" else [Q(id=0)]

    def values(self, model: type[Any]) -> Mapping[str, Any]:
        return {}


class AdultPeople(GenericRepository[Person], plugins=[Adults()]):
    pass


class TestScopes:
    async def test_each_kind_has_its_conditions(self, session: AsyncSession) -> None:
        people = AdultPeople(session)
        child, adult = await people.get_one(1), await people.get_one(2)
        assert (await people.update(2, name="x")) is adult
        for target in (1, child):
            with pytest.raises(NotFoundError, match=r"Person with key \(?1"):
                await people.update(target, name="x")
        assert await people.update_where({}, all=True, name="y") == 3
        assert await people.delete(adult) is False
        assert await people.delete_where({}, all=True) == 0
        assert await people.count() == 5

    async def test_many_of_them_hold_together(self, session: AsyncSession) -> None:
        class Named:
            def conditions(self, model: type[Any], kind: Kind) -> Iterable[Any]:
                return [Person.name == "n3"]

            def values(self, model: type[Any]) -> Mapping[str, Any]:
                return {"name": "n3"}

        class People(AdultPeople, plugins=[Named()]):
            pass

        people = People(session)
        assert [person.id for person in await people.list()] == [3]
        assert await people.update_where({}, all=True, age=19) == 1
        assert (await people.create({"id": 9, "email": "x", "age": 1})).name == "n3"


class Half:
    """Has conditions, and could be called as a middleware."""

    def conditions(self, model: type[Any], kind: Kind) -> Iterable[Any]:
        return []

    async def __call__(self, operation: Operation, proceed: Proceed) -> Any:
        return await proceed()


class TestWhatIsNoPlugin:
    @pytest.mark.parametrize("wrong", [3, "tell", Adults, None, Half()])
    def test_of_a_class(self, wrong: Any) -> None:
        with pytest.raises(ConfigurationError, match=r"plugins of People: .* is no plugin"):

            class People(GenericRepository[Person], plugins=[wrong]):
                pass

    def test_nothing_is_one(self) -> None:
        assert Plugins.of([], "here") == Plugins()


@contextmanager
def installed(*values: str) -> Iterator[None]:
    """Act as if distributions had these plugins."""
    points = [EntryPoint(f"plugin {number}", value, plugins.GROUP) for number, value in enumerate(values)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plugins, "entry_points", lambda group: points if group == plugins.GROUP else [])
        plugins.installed_plugins.cache_clear()
        yield
    plugins.installed_plugins.cache_clear()


class TestEntryPoints:
    @pytest.mark.parametrize("name", ["Adults", "ADULTS"])
    async def test_they_hold_for_every_repository(self, session: AsyncSession, name: str) -> None:
        with installed(f"{__name__}:{name}"):
            assert await GenericRepository[Person](session).delete(1) is False
        assert await GenericRepository[Person](session).delete(1) is True

    async def test_they_hold_for_active_records(self, engine: AndamiosEngine) -> None:
        async with SessionManager(engine) as session:
            await (await session.connection()).run_sync(Base.metadata.create_all)
            session.add_all([Trader(name=name) for name in ("ada", "ben")])
        with installed(f"{__name__}:OnlyAda"):
            async with SessionManager(engine):
                assert [trader.name for trader in await Trader.all()] == ["ada"]
                assert [trader.name for trader in await Trader.where(name="ben").all()] == []
                assert await Trader.find(2) is None

    async def test_they_come_before_those_of_the_class(
        self, session: AsyncSession, operations: list[Any]
    ) -> None:
        with installed(f"{__name__}:tell"):
            await Told(session).count()
        assert operations == [("read", "count")] * 2

    @pytest.mark.parametrize("value", ["nowhere:plugin", f"{__name__}:nothing", f"{__name__}:Unmakeable"])
    async def test_none_is_left_out(self, session: AsyncSession, value: str) -> None:
        """It may be the one that keeps data apart."""
        with (
            installed(value),
            pytest.raises(ConfigurationError, match=f"plugin 0.*{value}.*cannot be loaded"),
        ):
            await GenericRepository[Person](session).list()


ADULTS = Adults()


class OnlyAda:
    def conditions(self, model: type[Any], kind: Kind) -> Iterable[Any]:
        return [{"name": "ada"}]

    def values(self, model: type[Any]) -> Mapping[str, Any]:
        return {}


class Trader(IntegerKey, ActiveRecord, Base):
    __tablename__ = "plugin_traders"
    name: Mapped[str] = mapped_column(String(20))


class Unmakeable:
    def __init__(self) -> None:
        raise OSError("no")
