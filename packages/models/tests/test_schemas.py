"""Pydantic models are made of mapped classes, one for each use."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import pydantic
import pytest
from pydantic import AfterValidator, EmailStr, Field
from pydantic_core import MISSING
from sqlalchemy import JSON, BigInteger, Computed, ForeignKey, MetaData, String
from sqlalchemy.orm import DeclarativeBase, DynamicMapped, Mapped, mapped_column, relationship

from andamios_orm.core import AndamiosEngine, AsyncSession, SessionManager
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models.dataclass_model import DataclassModel
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.history import AuditMixin
from andamios_orm.models.keys import UUIDKey
from andamios_orm.models.schemas import Mode, schema_for
from andamios_orm.models.soft_delete import SoftDeleteMixin
from andamios_orm.models.timestamps import TimestampMixin
from andamios_orm.models.types import Money
from andamios_orm.models.versioning import VersioningMixin


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


def now() -> datetime:
    return datetime.now(UTC)


Code = Annotated[str, Field(max_length=2, examples=["UA"]), AfterValidator(str.upper)]


class Airline(Base):
    """A carrier."""

    code: Mapped[Annotated[str, Field(max_length=2, examples=["UA"]), AfterValidator(str.upper)]] = (
        mapped_column(primary_key=True, doc="What IATA calls it")
    )
    mail: Mapped[EmailStr | None]
    flights: Mapped[list[Flight]] = relationship(back_populates="airline")
    arrivals: DynamicMapped[Flight] = relationship(viewonly=True)


class Flight(Base):
    number: Mapped[Annotated[str, Field(max_length=6, alias="flightNumber")]]
    delay: Mapped[Annotated[int, Field(ge=-60)]] = mapped_column(default=0, comment="In minutes")
    tags: Mapped[list[str]] = mapped_column(JSON, default=list)
    note: Mapped[str | None] = mapped_column(deferred=True)
    revision: Mapped[int] = mapped_column()
    changed: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    gate: Mapped[str] = mapped_column(default="A1", info={"read_only": True})
    double: Mapped[int] = mapped_column(Computed("delay * 2"))
    carrier: Mapped[str] = mapped_column(ForeignKey(Airline.code))
    airline: Mapped[Airline] = relationship(back_populates="flights")
    seen_by: Mapped[Airline] = relationship(viewonly=True)

    __mapper_args__ = {"version_id_col": revision}


class Ticket(AuditMixin, VersioningMixin, TimestampMixin, SoftDeleteMixin, UUIDKey, Base):
    """Has every mixin."""

    price: Mapped[Decimal] = mapped_column(Money())
    discount: Mapped[Decimal | None] = mapped_column(Money(4, 2))
    kind: Mapped[str] = mapped_column(default="ticket")

    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "ticket"}


class Subscription(Ticket):
    trips: Mapped[int | None]
    __mapper_args__ = {"polymorphic_identity": "subscription"}


class Gate(Base):
    name: Mapped[
        Annotated[
            str,
            Field(
                max_length=3,
                title="Name of the gate",
                description="As people call it",
                examples=["A1", "B22"],
                deprecated=True,
            ),
        ]
    ] = mapped_column(default="A1", doc="A text that the field has a better one than")


class Vehicle(Base):
    wheels: Mapped[int]


class Bus(Vehicle):
    __tablename__ = "bus"

    id: Mapped[int] = mapped_column(ForeignKey(Vehicle.id), primary_key=True)
    seats: Mapped[int]


class Data(DataclassModel):
    __abstract__ = True
    metadata = MetaData()


class Mark(Data):
    x: Mapped[int]
    y: Mapped[int] = mapped_column(default=0)
    tags: Mapped[list[str]] = mapped_column(JSON, default_factory=list)
    seen: Mapped[bool] = mapped_column(init=False)


class Plain(DeclarativeBase):
    pass


class Plane(Plain):
    """One that SQLAlchemy's own base has made."""

    __tablename__ = "plane"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tail = mapped_column(String)


@pytest.fixture
async def made(engine: AndamiosEngine) -> AndamiosEngine:
    """An engine with an airline and its flight."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        session.add(Flight(number="UA1", airline=Airline(code="UA")))
    return engine


def required(schema: type[pydantic.BaseModel]) -> set[str]:
    return {name for name, field in schema.model_fields.items() if field.is_required()}


class TestCreate:
    def test_it_has_what_a_client_gives(self) -> None:
        schema = schema_for(Flight, "create")
        assert schema.model_fields.keys() == {"number", "delay", "tags", "note", "carrier"}
        assert required(schema) == {"number", "carrier"}

    def test_what_is_not_given_is_left_to_the_model(self) -> None:
        flight = schema_for(Flight, "create").model_validate({"flightNumber": "UA1", "carrier": "UA"})
        assert flight.model_dump() == {"number": "UA1", "delay": 0, "note": None, "carrier": "UA"}

    def test_constraints_hold(self) -> None:
        with pytest.raises(pydantic.ValidationError) as caught:
            schema_for(Flight, "create")(flightNumber="UA15456", delay=-61, carrier="UA")
        assert {fault["loc"] for fault in caught.value.errors()} == {("flightNumber",), ("delay",)}

    def test_a_natural_key_is_given(self) -> None:
        assert required(schema_for(Airline, "create")) == {"code"}

    def test_a_key_of_a_parent_is_not(self) -> None:
        assert schema_for(Bus, "create").model_fields.keys() == {"wheels", "seats"}
        assert schema_for(Bus, "update").model_fields.keys() == {"wheels", "seats"}

    def test_a_dataclass_fills_in_its_defaults(self) -> None:
        schema = schema_for(Mark, "create")
        assert required(schema) == {"x", "seen"}
        assert schema(x=1, seen=True).model_dump() == {"x": 1, "y": 0, "seen": True}

    def test_parts_have_no_key_of_the_whole(self) -> None:
        schema = schema_for(Airline, "create", depth=1)
        airline: Any = schema(code="ua", flights=[{"number": "UA1"}])
        assert (airline.code, airline.flights[0].number) == ("UA", "UA1")
        assert "carrier" not in type(airline.flights[0]).model_fields

    def test_a_part_may_stand_for_its_key(self) -> None:
        schema = schema_for(Flight, "create", depth=1)
        assert required(schema) == {"number"}
        assert "seen_by" not in schema.model_fields


class TestUpdate:
    def test_everything_is_optional(self) -> None:
        schema = schema_for(Flight, "update", depth=1)
        assert schema.model_fields.keys() == {"number", "delay", "tags", "note", "carrier"}
        assert required(schema) == set()
        assert schema(delay=3).model_dump() == {"delay": 3}
        assert schema().delay is MISSING  # type: ignore[attr-defined] # it is made here

    def test_none_is_given_where_a_column_may_have_it(self) -> None:
        schema = schema_for(Flight, "update")
        assert schema(note=None).model_dump() == {"note": None}
        with pytest.raises(pydantic.ValidationError):
            schema(delay=None)

    def test_keys_stay(self) -> None:
        assert schema_for(Airline, "update").model_fields.keys() == {"mail"}
        assert schema_for(Airline, "update", include=["code"]).model_fields.keys() == {"code"}


@pytest.mark.parametrize("model", [Ticket, Subscription])
@pytest.mark.parametrize("mode", ["create", "update"])
class TestReadOnly:
    def test_columns_of_mixins_are(self, model: type[Any], mode: Mode) -> None:
        known = schema_for(model, mode).model_fields.keys()
        assert known - {"trips"} == {"price", "discount"}

    def test_one_is_written_if_it_is_asked_for(self, model: type[Any], mode: Mode) -> None:
        wanted = {"id", "created_at", "updated_at", "deleted_at", "created_by", "updated_by", "version"}
        assert schema_for(model, mode, include=wanted).model_fields.keys() == wanted


class TestMoney:
    @pytest.mark.parametrize("price", [9.99, "9.99", Decimal("9.990")])
    def test_amounts_come_as_numbers_and_as_texts(self, price: Any) -> None:
        made: Any = schema_for(Ticket, "create")(price=price, discount=None)
        assert (made.price, made.discount) == (Decimal("9.99"), None)

    @pytest.mark.parametrize("price", ["9.999", 9.999, 1234567890123456.8, "x", True])
    def test_what_the_column_does_not_hold_is_refused(self, price: Any) -> None:
        for mode in ("create", "update"):
            with pytest.raises(pydantic.ValidationError) as caught:
                schema_for(Ticket, mode)(price=price)
            assert [fault["loc"] for fault in caught.value.errors()] == [("price",)]

    def test_json_is_read_too(self) -> None:
        made: Any = schema_for(Ticket, "update").model_validate_json('{"price": 0.1, "discount": "0.20"}')
        assert made.model_dump() == {"price": Decimal("0.1"), "discount": Decimal("0.20")}


class TestRead:
    async def test_it_reads_what_is_loaded(self, made: AndamiosEngine) -> None:
        schema = schema_for(Airline, depth=2)
        async with AsyncSession(made) as session:
            airline = await session.get_one(Airline, "UA")
            assert schema.model_validate(airline).model_dump() == {"code": "UA", "mail": None}
            await session.refresh(airline, ["flights"])
            (flight,) = schema.model_validate(airline).model_dump()["flights"]
            assert flight.keys() == schema_for(Flight).model_fields.keys() - {"note"}

    async def test_a_part_does_not_lead_back(self, made: AndamiosEngine) -> None:
        schema = schema_for(Airline, depth=2)
        async with AsyncSession(made) as session:
            airline = await session.get_one(Airline, "UA")
            await session.refresh(airline, ["flights"])
            await session.refresh(airline.flights[0], ["airline", "seen_by"])
            (flight,) = schema.model_validate(airline).model_dump()["flights"]
            assert "airline" not in flight
            assert flight["seen_by"] == {"code": "UA", "mail": None}

    async def test_nobody_is_none(self, made: AndamiosEngine) -> None:
        async with AsyncSession(made) as session:
            flight = await session.get_one(Flight, 1)
            flight.airline = None  # type: ignore[assignment] # as a stray reference would be
            assert schema_for(Flight, depth=1).model_validate(flight).model_dump()["airline"] is None

    async def test_values_of_the_database_are_not_validated(self, made: AndamiosEngine) -> None:
        async with made.begin() as connection:
            await connection.exec_driver_sql("INSERT INTO airline VALUES ('long', 'nobody')")
        async with AsyncSession(made) as session:
            airline: Any = schema_for(Airline).model_validate(await session.get_one(Airline, "long"))
            assert (airline.code, airline.mail) == ("long", "nobody")

    def test_values_of_others_are(self) -> None:
        with pytest.raises(pydantic.ValidationError):
            schema_for(Airline)(code="long", mail=None)

    def test_validators_are_for_values_that_come_in(self) -> None:
        assert schema_for(Airline)(code="ua", mail=None).model_dump() == {"code": "ua", "mail": None}

    def test_what_is_not_there_is_told(self) -> None:
        with pytest.raises(pydantic.ValidationError, match="Airline: mail: is not loaded: flush the session"):
            schema_for(Airline).model_validate(Airline(code="UA"))

    def test_json_names_fields_by_their_alias(self) -> None:
        schema = schema_for(Flight, include=["number"])
        assert schema(flightNumber="UA1").model_dump_json(by_alias=True) == '{"flightNumber":"UA1"}'


class TestOpenAPI:
    def test_types_constraints_and_docs_are_there(self) -> None:
        described = schema_for(Airline).model_json_schema()
        assert (described["title"], described["description"]) == ("AirlineRead", "A carrier.")
        assert described["properties"]["code"] == {
            "description": "What IATA calls it",
            "examples": ["UA"],
            "maxLength": 2,
            "title": "Code",
            "type": "string",
        }
        assert described["properties"]["mail"]["anyOf"][0]["format"] == "email"
        delay = schema_for(Flight, "create").model_json_schema()["properties"]["delay"]
        assert (delay["minimum"], delay["default"], delay["description"]) == (-60, 0, "In minutes")

    def test_what_a_field_says_is_there(self) -> None:
        described = schema_for(Gate, "create").model_json_schema()["properties"]["name"]
        assert described == {
            "default": "A1",
            "deprecated": True,
            "description": "As people call it",
            "examples": ["A1", "B22"],
            "maxLength": 3,
            "title": "Name of the gate",
            "type": "string",
        }

    def test_an_optional_field_has_the_type_of_its_values(self) -> None:
        described = schema_for(Flight, "update").model_json_schema()
        assert described["properties"]["carrier"] == {"title": "Carrier", "type": "string"}
        assert "required" not in described

    def test_parts_have_names_of_their_own(self) -> None:
        described = schema_for(Airline, "create", depth=1).model_json_schema()
        assert described["$defs"].keys() == {"FlightCreateInAirlineCreate"}
        assert schema_for(Flight, depth=1).model_json_schema()["$defs"].keys() == {"AirlineRead"}


def test_equal_questions_get_one_class() -> None:
    assert schema_for(Flight, exclude=["note"]) is schema_for(Flight, "read", exclude={"note"})
    assert schema_for(Flight) is not schema_for(Flight, "create")
    nested = schema_for(Flight, depth=1).model_fields["airline"].annotation
    assert schema_for(Airline) in nested.__args__  # type: ignore[union-attr] # it is optional


def test_attributes_are_chosen() -> None:
    assert schema_for(Flight, include=["id", "airline"], depth=1).model_fields.keys() == {"id", "airline"}
    assert "airline" not in schema_for(Flight, exclude=["airline"], depth=1).model_fields


def test_a_plain_mapped_class_has_schemas_too() -> None:
    assert schema_for(Plane, "create").model_fields.keys() == {"tail"}
    assert schema_for(Plane)(id=1, tail="N1").model_dump() == {"id": 1, "tail": "N1"}


@pytest.mark.parametrize(
    ("mode", "exclude", "message"),
    [("patch", (), "mode is 'create', 'update' or 'read'"), ("read", ["wings"], "not 'wings'; it has")],
)
def test_what_is_unknown_is_refused(mode: Mode, exclude: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        schema_for(Flight, mode, exclude=exclude)


def test_a_schema_can_be_extended() -> None:
    class FlightOut(schema_for(Flight, include=["number"])):  # type: ignore[misc] # made here
        late: bool = False

    assert FlightOut.model_validate(Flight(number="UA1")).model_dump() == {"number": "UA1", "late": False}
