"""Models that are dataclasses, with everything that other models have."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import pytest
from cryptography.fernet import Fernet
from pydantic import AfterValidator, BeforeValidator, Field
from sqlalchemy import ForeignKey, MetaData, Text, inspect, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from andamios_orm.core import AndamiosEngine, SessionManager
from andamios_orm.core.errors import StaleVersionError, ValidationError
from andamios_orm.models import actor
from andamios_orm.models.dataclass_model import DataclassModel
from andamios_orm.models.declarative import NAMING_CONVENTION
from andamios_orm.models.history import AuditMixin
from andamios_orm.models.keys import IntegerKey, NaturalKey, UUIDKey
from andamios_orm.models.schemas import schema_for
from andamios_orm.models.soft_delete import SoftDeleteMixin, SoftDeleteModel
from andamios_orm.models.timestamps import TimestampedModel, TimestampMixin
from andamios_orm.models.types import Encrypted, Money
from andamios_orm.models.versioning import VersioningMixin

MOMENT = datetime(2013, 1, 1, tzinfo=UTC)


class Base(DataclassModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Point(Base):
    x: Mapped[int]
    y: Mapped[int] = mapped_column(default=0)


def marked(value: str) -> str:
    """Not idempotent, so that it tells how often it was called."""
    return f"{value}!"


class Airline(Base):
    code: Mapped[NaturalKey[Annotated[str, Field(max_length=2)]]]
    name: Mapped[Annotated[str, AfterValidator(marked)]] = mapped_column(default="none", kw_only=True)
    planes: Mapped[Annotated[int, Field(ge=0)]] = mapped_column(default=0)
    flights: Mapped[list[Flight]] = relationship(
        default_factory=list, back_populates="airline", compare=False, init=False
    )


class Flight(UUIDKey, Base, kw_only=True, eq=False):
    number: Mapped[str]
    carrier: Mapped[str] = mapped_column(ForeignKey(Airline.code), init=False)
    airline: Mapped[Airline] = relationship(back_populates="flights")


class Ticket(AuditMixin, VersioningMixin, TimestampMixin, SoftDeleteMixin, IntegerKey, Base):
    """Has every mixin."""

    price: Mapped[int]
    saved: list[str] = dataclasses.field(default_factory=list, init=False)

    __allow_unmapped__ = True

    def before_create(self) -> None:
        self.saved.append(f"at {self.price}")


class Crew(TimestampedModel, Base):
    name: Mapped[str]


class Seat(SoftDeleteModel, Base):
    number: Mapped[int]


class Account(Base):
    owner: Mapped[str]
    token: Mapped[str] = mapped_column(Encrypted(Text, key=Fernet.generate_key()))
    note: Mapped[str | None] = mapped_column(default=None, repr=False)


class Hidden(Account, repr=False):
    __tablename__ = "hidden"

    id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True, init=False)


class Shown(Hidden, repr=True):
    __mapper_args__ = {"polymorphic_identity": "shown"}


class Sized(Base):
    __abstract__ = True

    size: Mapped[int] = mapped_column(default=1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sized) and other.size == self.size

    __hash__ = None  # type: ignore[assignment] # that is how equal objects say so


class Box(Sized, eq=False):
    label: Mapped[str] = mapped_column(default="none")


class Free(Base, init=False, eq=False):
    size: Mapped[Annotated[int, Field(ge=0)]]
    name: Mapped[Annotated[str, Field(max_length=3)]]


class Made(Base):
    name: Mapped[Annotated[str, Field(max_length=3)]]

    def __init__(self, first: str, last: str) -> None:
        self.name = first[0] + last[0]


@pytest.fixture
async def tables(engine: AndamiosEngine) -> AndamiosEngine:
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    return engine


class Defaulted(Base):
    at: Mapped[datetime | None] = mapped_column(default=None)
    price: Mapped[Decimal | None] = mapped_column(Money(), default=None)
    code: Mapped[Annotated[str, BeforeValidator(str.strip)]] = mapped_column(default="UA")
    token: Mapped[uuid.UUID] = mapped_column(default_factory=uuid.uuid4)
    size: Mapped[Annotated[int, Field(strict=True)]] = mapped_column(default_factory=lambda: 3)


class TestConstructors:
    def test_defaults_need_not_be_given(self) -> None:
        made = Defaulted()
        assert (made.at, made.price, made.code, made.size) == (None, None, "UA", 3)
        assert isinstance(made.token, uuid.UUID)
        assert Defaulted(code=" AA ").code == "AA"

    def test_arguments_are_given_by_position_or_by_name(self) -> None:
        assert (Point(1).x, Point(1).y) == (1, 0)
        assert Point(1, 2) == Point(y=2, x=1)
        assert [field.name for field in dataclasses.fields(Point)] == ["x", "y"]

    @pytest.mark.parametrize("arguments", [{}, {"x": 1, "z": 2}, {"x": 1, "id": 2}])
    def test_missing_and_unknown_arguments_are_refused(self, arguments: Any) -> None:
        with pytest.raises(TypeError):
            Point(**arguments)

    def test_a_column_may_be_left_out_or_need_its_name(self) -> None:
        assert Airline("UA", 3, name="United").planes == 3
        with pytest.raises(TypeError):
            Airline("UA", 3, "United")  # type: ignore[call-arg] # that is what is tested
        with pytest.raises(TypeError):
            Flight("UA1")  # type: ignore[call-arg] # that is what is tested

    def test_what_is_refused_is_named_together(self) -> None:
        with pytest.raises(ValidationError) as caught:
            Airline("UAL", -1, name=5)  # type: ignore[arg-type] # that is what is tested
        assert caught.value.errors.keys() == {"code", "planes", "name"}

    def test_a_validator_sees_an_argument_once(self) -> None:
        airline = Airline("UA", "7", name="United")  # type: ignore[arg-type] # it is converted
        assert (airline.name, airline.planes) == ("United!", 7)
        assert not [name for name in vars(inspect(airline)) if "andamios" in name]
        airline.name = "Delta"
        assert airline.name == "Delta!"

    def test_an_assignment_is_validated(self) -> None:
        airline = Airline("UA")
        with pytest.raises(ValidationError, match="Airline: planes"):
            airline.planes = -1

    def test_without_a_constructor_of_its_own_it_has_that_of_other_models(self) -> None:
        assert (Free(name="a", size="3").size, Free(name="a") == Free(name="a")) == (3, False)
        with pytest.raises(ValidationError) as caught:
            Free(name="long", size=-1)
        assert caught.value.errors.keys() == {"name", "size"}

    def test_a_constructor_that_is_written_out_is_kept(self) -> None:
        assert Made("Ada", "Lovelace").name == "AL"


class TestEquality:
    def test_equal_fields_make_equal_objects(self) -> None:
        assert Point(1, 2) != Point(2, 1)
        with pytest.raises(TypeError, match="unhashable"):
            hash(Point(1))

    def test_it_can_be_that_of_objects(self) -> None:
        flight = Flight(number="UA1", airline=Airline("UA"))
        assert len({flight, Flight(number="UA1", airline=flight.airline)}) == 2

    def test_it_can_be_that_of_a_base(self) -> None:
        assert Box(size=1, label="a") == Box(size=1, label="b") != Box(size=2, label="b")

    async def test_equal_objects_are_rows_of_their_own(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            session.add_all([Point(1), Point(1)])
        async with SessionManager(tables) as session:
            points = (await session.scalars(select(Point).order_by(Point.id))).unique().all()
            assert [(point.id, point) for point in points] == [(1, Point(1)), (2, Point(1))]


class TestText:
    def test_it_shows_what_can_be_read(self) -> None:
        assert repr(Point(1)) == "Point(x=1, y=0)"
        assert repr(Airline("UA")) == "Airline(code='UA', name='none', planes=0)"

    def test_it_hides_what_is_encrypted_and_what_says_so(self) -> None:
        assert repr(Account("Ada", "secret", note="n")) == "Account(owner='Ada', token=***)"

    def test_a_class_may_show_nothing(self) -> None:
        assert repr(Hidden("Ada", "secret")).startswith("<")
        assert repr(Shown("Ada", "secret")) == "Shown(owner='Ada', token=***)"

    def test_a_class_without_a_text_has_none_in_its_schema(self) -> None:
        assert "description" not in schema_for(Point).model_json_schema()
        assert schema_for(Ticket).model_json_schema()["description"] == "Has every mixin."


class TestDataclassFunctions:
    def test_as_dicts(self) -> None:
        assert dataclasses.asdict(Point(1)) == {"x": 1, "y": 0} == Point(1).to_dict()

    async def test_a_replacement_is_a_new_row(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            point = Point(1)
            session.add(point)
            await session.flush()
            other = dataclasses.replace(point, y=5)
            assert (inspect(other).transient, other.to_dict()) == (True, {"x": 1, "y": 5})


class TestKeys:
    async def test_an_implicit_key_is_there_after_the_flush(self, tables: AndamiosEngine) -> None:
        point = Point(1)
        assert point.id is None
        async with SessionManager(tables) as session:
            session.add(point)
            await session.flush()
            assert point.id == 1
            assert await session.get(Point, 1) is point
            await session.bulk_insert(Point, [Point(2), Point(3, 4)])
            await session.bulk_insert(Point, [{"x": 5}])
            assert (await session.scalars(select(Point.y).order_by(Point.x))).all() == [0, 0, 4, 0]

    async def test_keys_of_mixins_and_natural_ones(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            flight = Flight(number="UA1", airline=Airline("UA"))
            assert (type(flight.id), flight.id.version) == (uuid.UUID, 7)
            session.add(flight)
        async with SessionManager(tables) as session:
            assert (await session.get_one(Flight, flight.id)).carrier == "UA"


class TestMixins:
    async def test_all_of_them_go_together(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            with actor("ada"):
                session.add(ticket := Ticket(100))
                await session.flush()
            assert (ticket.id, ticket.version, ticket.created_by, ticket.saved) == (1, 1, "ada", ["at 100"])
            ticket.price = 90
            with actor("grace"):
                await session.flush()
            assert (ticket.version, ticket.updated_by) == (2, "grace")
            assert ticket.created_at < ticket.updated_at
            await session.delete(ticket)
            await session.flush()
            assert ticket.deleted_at is not None
            assert (await session.scalars(select(Ticket))).all() == []
            versions = await Ticket.history(session, 1)
        assert [version.row.price for version in versions] == [100, 90, 90]

    async def test_a_stale_version_is_refused(self, tables: AndamiosEngine) -> None:
        async with SessionManager(tables) as session:
            session.add(ticket := Ticket(100))
        async with SessionManager(tables) as session:
            (await session.get_one(Ticket, 1)).price = 80
        with pytest.raises(StaleVersionError):
            async with SessionManager(tables) as session:
                session.add(ticket)
                ticket.price = 70

    async def test_what_they_give_can_be_assigned(self, tables: AndamiosEngine) -> None:
        crew, seat = Crew("Ada"), Seat(1)
        crew.created_at = MOMENT
        async with SessionManager(tables) as session:
            session.add_all([crew, seat])
        async with SessionManager(tables) as session:
            assert (await session.get_one(Crew, 1)).created_at == MOMENT
            await session.delete(await session.get_one(Seat, 1))
            await session.flush()
            assert await session.get(Seat, 1) is None


async def test_classes_may_share_their_rows(tables: AndamiosEngine) -> None:
    async with SessionManager(tables) as session:
        session.add(Hidden("Ada", "secret"))
    async with SessionManager(tables) as session:
        hidden = await session.scalar(select(Hidden))
        assert hidden is not None
        assert (hidden.id, hidden.owner, hidden.token) == (1, "Ada", "secret")
