"""Values of attributes are validated where they are given: constructors, assignments, bulk rows."""

from __future__ import annotations

import gc
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from traceback import format_exception
from typing import Annotated, Any
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AfterValidator, EmailStr, Field, SkipValidation
from sqlalchemy import JSON, ForeignKey, MetaData, String, func, inspect, select, text
from sqlalchemy.orm import Mapped, MappedAsDataclass, mapped_column, relationship, validates

from andamios_orm.core import AndamiosEngine, SessionManager
from andamios_orm.core.errors import AndamiosError, ConfigurationError, ValidationError
from andamios_orm.models.declarative import NAMING_CONVENTION, BaseModel
from andamios_orm.models.keys import UUIDKey
from andamios_orm.models.timestamps import TimestampMixin
from andamios_orm.models.versioning import VersioningMixin


class Base(BaseModel):
    __abstract__ = True
    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class Kind(StrEnum):
    REGIONAL = "regional"
    GLOBAL = "global"


def marked(value: str) -> str:
    """Not idempotent, so that it tells how often it was called."""
    return f"{value}!"


Code = Annotated[str, Field(min_length=2, max_length=2), AfterValidator(str.upper)]


class Airline(Base):
    code: Mapped[Code] = mapped_column(primary_key=True)
    name: Mapped[Annotated[str, AfterValidator(marked)] | None]
    mail: Mapped[EmailStr | None]
    kind: Mapped[Kind] = mapped_column(default=Kind.REGIONAL)
    founded: Mapped[datetime | None]
    share: Mapped[Decimal | None]
    partners: Mapped[list[str] | None] = mapped_column(JSON)
    codes: Mapped[list[Code] | None] = mapped_column(JSON)
    site = mapped_column(String)
    flights: Mapped[list[Flight]] = relationship(back_populates="airline")


class Flight(Base):
    number: Mapped[Annotated[str, Field(max_length=6)]]
    delay: Mapped[Annotated[int, Field(ge=-60, strict=True)]] = mapped_column(default=0)
    carrier: Mapped[Code] = mapped_column(ForeignKey(Airline.code))
    trusted: Mapped[Annotated[int | None, SkipValidation]]
    airline: Mapped[Airline] = relationship(back_populates="flights")


class Charter(Flight):
    client: Mapped[Annotated[str | None, Field(min_length=3)]]


class Raw(Flight):
    __validate__ = False


def keep(value: str) -> str:
    if value == "abc":
        raise ValueError("it is secret")
    return value


class Secret(Base):
    word: Mapped[Annotated[str, AfterValidator(keep)]]
    hint: Mapped[str | None]

    @validates("hint")
    def _refuse(self, key: str, value: str) -> str:
        raise LookupError(value)


class Strange(Base):
    pattern: Mapped[Annotated[str, Field(pattern="(")]]


class Letter(Base):
    address: Mapped[EmailStr]


class Plane(MappedAsDataclass, Base):
    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    tail: Mapped[Annotated[str, Field(max_length=6)]]
    seats: Mapped[Annotated[int, Field(ge=0)]] = mapped_column(default=100)


class Raft(MappedAsDataclass, Base):
    __validate__ = False

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    name: Mapped[Annotated[str, Field(max_length=1)]]


@pytest.fixture
async def made(engine: AndamiosEngine) -> AndamiosEngine:
    """An engine with the tables and the airline UA."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with SessionManager(engine) as session:
        session.add(Airline(code="ua", name="United"))
    return engine


def test_a_constructor_names_all_that_is_wrong() -> None:
    with pytest.raises(ValidationError) as caught:
        Airline(code="UAL", mail="nobody", kind="local", name="United")
    assert caught.value.model == "Airline"
    assert caught.value.errors.keys() == {"code", "mail", "kind"}
    assert caught.value.errors["code"] == "String should have at most 2 characters"
    assert isinstance(caught.value, AndamiosError)


def test_values_are_converted_as_pydantic_does() -> None:
    airline = Airline(code="ua", kind="global", founded="1926-04-06T00:00", share=5)
    assert (airline.code, airline.kind) == ("UA", Kind.GLOBAL)
    assert (airline.founded, airline.share) == (datetime(1926, 4, 6), Decimal(5))


def test_an_assignment_is_validated() -> None:
    airline = Airline(code="UA")
    airline.code = "aa"
    assert airline.code == "AA"
    with pytest.raises(ValidationError, match="Airline: code: String should have at least 2"):
        airline.code = "A"
    assert airline.code == "AA"


def test_a_validator_sees_a_value_once() -> None:
    airline = Airline(code="UA", name="United")
    assert airline.name == "United!"
    airline.name = "Delta"
    assert airline.name == "Delta!"


def test_what_a_validator_raises_is_the_message() -> None:
    with pytest.raises(ValidationError) as caught:
        Airline(code="UA", site="x", partners=["AA"], founded="1926", codes=["AA", "A", "B"])
    assert caught.value.errors["codes"] == (
        "1: String should have at least 2 characters; 2: String should have at least 2 characters"
    )
    with pytest.raises(ValidationError, match=r"Secret: word: it is secret$"):
        Secret(word="abc")


def test_an_error_holds_no_value() -> None:
    with pytest.raises(ValidationError) as caught:
        Airline(code="to" * 2)
    assert "toto" not in "".join(format_exception(caught.value))


def test_nothing_is_set_of_an_object_that_is_refused() -> None:
    """It would be written with the airline whose list it had joined."""
    airline = Airline(code="UA")
    with pytest.raises(ValidationError):
        Flight(airline=airline, number="UA15456")
    assert airline.flights == []


def test_a_strict_field_converts_nothing() -> None:
    with pytest.raises(ValidationError, match="delay"):
        Flight(number="UA1", delay="3")


def test_an_unknown_name_is_refused_as_ever() -> None:
    with pytest.raises(TypeError, match="'wings' is an invalid keyword argument for Flight"):
        Flight(wings=2)


def test_none_is_left_to_defaults_and_relationships() -> None:
    flight = Flight(id=None, number="UA1", delay=None, carrier=None)
    assert flight.to_dict() == {"id": None, "number": "UA1", "delay": None, "carrier": None}
    with pytest.raises(ValidationError, match="number"):
        flight.number = None  # type: ignore[assignment] # that is what is tested


def test_lists_stay_those_that_were_given_unless_they_are_constrained() -> None:
    partners, codes = ["AA"], ["aa"]
    airline = Airline(code="UA", partners=partners, codes=codes)
    assert airline.partners is partners
    assert airline.codes == ["AA"]


def test_what_says_so_is_not_validated() -> None:
    flight = Flight(trusted="anything")
    flight.trusted = "else"  # type: ignore[assignment] # that is what is tested
    assert inspect(flight).dict["trusted"] == "else"


def test_an_expression_is_left_to_the_database() -> None:
    flight = Flight(number=func.upper("ua1"), delay=Flight.id)
    assert flight.to_dict()["delay"] is Flight.id
    with pytest.raises(ValidationError, match="carrier"):
        Flight(number=func.upper("ua1"), carrier="UAL")


def test_a_subclass_has_the_rules_of_its_parent_and_its_own() -> None:
    with pytest.raises(ValidationError) as caught:
        Charter(number="UA15456", client="me")
    assert caught.value.errors.keys() == {"number", "client"}
    charter = Charter(number="UA1")
    with pytest.raises(ValidationError, match="Charter: number"):
        charter.number = "UA15456"


@pytest.mark.parametrize(
    ("value", "instead"), [(Field(max_length=3), "Annotated"), (3, "mapped_column"), (None, "default")]
)
def test_a_value_that_makes_no_column_is_refused(value: Any, instead: str) -> None:
    """SQLAlchemy maps no column for it, and would lose what is assigned to it."""
    with pytest.raises(ConfigurationError, match=rf"Lost.name = .* makes no column: write .*{instead}"):
        type(
            "Lost", (Base,), {"__annotations__": {"name": Mapped[str]}, "name": value, "__module__": __name__}
        )


class Stamped(UUIDKey, TimestampMixin, VersioningMixin, Base):
    """What mixins declare."""


def test_columns_of_mixins_are_validated() -> None:
    key = uuid.uuid4()
    stamped = Stamped(id=str(key), created_at="2013-01-01T05:00:00Z")
    assert (stamped.id, stamped.created_at) == (key, datetime(2013, 1, 1, 5, tzinfo=UTC))
    with pytest.raises(ValidationError) as caught:
        Stamped(id="none", created_at="long ago", version="first")
    assert caught.value.errors.keys() == {"id", "created_at", "version"}


def test_it_can_be_switched_off() -> None:
    raw = Raw(number="UA15456", delay="late")
    raw.carrier = "United"
    assert (raw.number, inspect(raw).dict["delay"], raw.carrier) == ("UA15456", "late", "United")


def test_an_object_keeps_nothing_of_its_validation() -> None:
    airline = Airline(code="UA")
    flight = Flight(number="UA1", airline=airline)
    gone = ref(airline)
    flight.airline = Airline(code="AA")
    inspect(flight)._commit_all(inspect(flight).dict)
    del airline
    gc.collect()
    assert gone() is None


def test_a_setter_that_raises_leaves_validation_on() -> None:
    secret = Secret(word="secret")
    with pytest.raises(LookupError):
        Secret.__init__(secret, word="secret", hint="none")
    with pytest.raises(ValidationError):
        secret.word = "abc"


class TestDataclasses:
    def test_their_constructor_names_all_that_is_wrong(self) -> None:
        with pytest.raises(ValidationError) as caught:
            Plane("N1234567", seats=-1)
        assert caught.value.errors.keys() == {"tail", "seats"}

    def test_values_and_defaults_are_as_ever(self) -> None:
        plane = Plane("N1", seats="5")  # type: ignore[arg-type] # it is converted
        assert (plane.tail, plane.seats, Plane(tail="N2").seats) == ("N1", 5, 100)

    def test_it_can_be_switched_off(self) -> None:
        assert Raft("large").name == "large"


class TestTheDatabase:
    async def test_loaded_rows_are_not_validated(self, made: AndamiosEngine) -> None:
        async with made.begin() as connection:
            await connection.execute(
                text("INSERT INTO airline (code, kind, name) VALUES ('long', 'global', 'x')")
            )
        async with SessionManager(made) as session:
            airline = await session.get_one(Airline, "long")
            assert (airline.code, airline.name) == ("long", "x")
            await session.refresh(airline)
            assert airline.name == "x"

    async def test_a_flush_validates_nothing_anew(self, made: AndamiosEngine) -> None:
        async with SessionManager(made) as session:
            airline = await session.get_one(Airline, "UA")
            airline.flights_loaded = None  # type: ignore[attr-defined] # any attribute may be set
            session.add(Flight(number="UA1", airline=airline))
        async with SessionManager(made) as session:
            assert (await session.get_one(Airline, "UA")).name == "United!"
            assert (await session.get_one(Flight, 1)).carrier == "UA"

    async def test_a_removed_parent_is_no_value_of_a_user(self, made: AndamiosEngine) -> None:
        """What SQLAlchemy sets to None by itself is for the database to refuse."""
        async with SessionManager(made) as session:
            session.add(Flight(number="UA1", airline=await session.get_one(Airline, "UA")))
        with pytest.raises(AndamiosError, match="carrier"):
            async with SessionManager(made) as session:
                flight = await session.get_one(Flight, 1)
                await session.refresh(flight, ["airline"])
                flight.airline = None  # type: ignore[assignment] # that is what is tested


class TestBulkInsert:
    async def test_rows_are_validated(self, made: AndamiosEngine) -> None:
        async with SessionManager(made) as session:
            await session.bulk_insert(
                Airline, [{"code": "aa", "share": "0.5"}, {"code": "b6", "share": None}]
            )
            await session.bulk_insert(Airline, [("dl", "3")], columns=["code", Airline.share])
        async with SessionManager(made) as session:
            assert (await session.get_one(Airline, "AA")).share == Decimal("0.5")
            assert await session.get(Airline, "DL") is not None

    async def test_nothing_is_written_of_rows_that_are_refused(self, made: AndamiosEngine) -> None:
        with pytest.raises(ValidationError) as caught:
            async with SessionManager(made) as session:
                await session.bulk_insert(Airline, [{"code": "aa"}, {"code": "long"}])
        assert caught.value.errors.keys() == {"rows[1].code"}
        async with SessionManager(made) as session:
            assert await session.get(Airline, "AA") is None

    async def test_objects_are_not_validated_twice(self, made: AndamiosEngine) -> None:
        async with SessionManager(made) as session:
            await session.bulk_insert(Airline, [Airline(code="aa", name="American")])
        async with SessionManager(made) as session:
            assert (await session.get_one(Airline, "AA")).name == "American!"

    async def test_it_can_be_switched_off(self, made: AndamiosEngine) -> None:
        async with SessionManager(made) as session:
            await session.bulk_insert(Raw, [{"number": "UA15456", "carrier": "UA"}])
            assert (await session.scalars(select(Raw.number))).all() == ["UA15456"]


class TestDeclarations:
    def test_a_default_belongs_to_the_column(self) -> None:
        with pytest.raises(ConfigurationError, match=r"Gate.name: give the default .* to mapped_column"):

            class Gate(Base):
                name: Mapped[Annotated[str, Field(default="A")]]

    def test_what_pydantic_cannot_validate_is_told(self) -> None:
        with pytest.raises(ConfigurationError, match=r"(?s)Strange cannot be validated.*SkipValidation"):
            Strange(pattern="a")

    def test_a_missing_extra_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse() -> None:
            raise ImportError("email-validator is not installed")

        monkeypatch.setattr("pydantic.networks.import_email_validator", refuse)
        with pytest.raises(ConfigurationError, match=r'pip install "andamios-orm-models\[email\]"'):
            Letter(address="a@example.org")

    def test_a_registry_keeps_its_own_type_for_addresses(self) -> None:
        class Own(Base):
            __abstract__ = True
            metadata = MetaData()

        Own.registry.update_type_annotation_map({EmailStr: String(99)})

        class Post(Own):
            mail: Mapped[EmailStr]

        assert str(Post.__table__.c.mail.type) == "VARCHAR(99)"
        assert str(Letter.__table__.c.address.type) == "VARCHAR"


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "number": st.text(max_size=9),
            "delay": st.integers(-90, 90),
            "carrier": st.text("abß", max_size=3),
        },
    )
)
def test_a_constructor_refuses_exactly_what_the_constraints_refuse(values: dict[str, Any]) -> None:
    holds: dict[str, bool] = {
        "number": len(values.get("number", "")) <= 6,
        "delay": values.get("delay", 0) >= -60,
        "carrier": len(values.get("carrier", "UA")) == 2,
    }
    refused: set[str] = set()
    try:
        assert Flight(**values).to_dict().keys() == values.keys()
    except ValidationError as error:
        refused = set(error.errors)
    assert refused == {name for name, good in holds.items() if not good}
