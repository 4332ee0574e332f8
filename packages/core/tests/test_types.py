from __future__ import annotations

import datetime as dt
import enum
import math
import uuid
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Double,
    Enum,
    Float,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    Time,
    TypeDecorator,
    Uuid,
    all_,
    any_,
    exc,
    func,
    literal,
    null,
    select,
    text,
)
from sqlalchemy import types as sqltypes
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.types import TypeEngine

from andamios_orm.core import AndamiosEngine, types
from andamios_orm.core.errors import DataError
from andamios_orm.core.types import (
    ARRAY,
    BIGNUM,
    BIT,
    BLOB,
    ENUM,
    HUGEINT,
    INTERVAL,
    JSON,
    LIST,
    MAP,
    STRUCT,
    TIMESTAMP_MS,
    TIMESTAMP_NS,
    TIMESTAMP_S,
    TIMESTAMPTZ,
    TIMETZ,
    TINYINT,
    UBIGINT,
    UHUGEINT,
    UINTEGER,
    UNION,
    USMALLINT,
    UTINYINT,
    UUID,
    VARIANT,
)


class Mood(enum.Enum):
    HAPPY = "h"
    SAD = "it's"


UTC = dt.UTC
KEY = uuid.UUID("12345678-1234-5678-1234-567812345678")
MOMENT = dt.datetime(2020, 1, 2, 3, 4, 5, 6)
MEMBER = UNION({"i": Integer, "s": String})

SCALARS: list[tuple[TypeEngine[Any], list[Any]]] = [
    (TINYINT(), [-128, 127]),
    (UTINYINT(), [255]),
    (USMALLINT(), [2**16 - 1]),
    (UINTEGER(), [2**32 - 1]),
    (UBIGINT(), [2**64 - 1, 0]),
    (HUGEINT(), [2**127 - 1, -5]),
    (UHUGEINT(), [2**128 - 1, 1]),
    (BIGNUM(), [10**60, -3, 2**127, -(10**50)]),
    (Integer(), [1]),
    (BigInteger(), [2**40]),
    (Boolean(), [True, False]),
    (String(3), ["longer than three", "it's", "a\\b"]),
    (Text(), ["é", ""]),
    (Float(), [0.1, 1 / 3, float("inf")]),
    (Double(), [0.1]),
    (Float(asdecimal=True), [Decimal("0.5")]),
    (Numeric(), [Decimal("1.1234567891"), Decimal("1E+5"), Decimal(-3), Decimal("1.500000000000")]),
    (Numeric(10, 2), [Decimal("1.25"), Decimal("1E+5")]),
    (Numeric(38, 20), [Decimal("12345678901.12345678901234567890")]),
    (Numeric(asdecimal=False), [0.1, 1e-12]),
    (Numeric(10, 2, asdecimal=False), [0.25]),
    (Uuid(), [KEY]),
    (UUID(as_uuid=False), [str(KEY)]),
    (Uuid(native_uuid=False), [KEY]),
    (JSON(), [{"a": [1, None]}, [], {}, "x", 1, True, "é'\\\""]),
    (sqltypes.JSON(), [{"a": 1}, "x"]),
    (Date(), [dt.date(2020, 1, 2)]),
    (Time(), [dt.time(1, 2, 3, 4)]),
    (TIMETZ(), [dt.time(1, 2, 3, 4, tzinfo=UTC)]),
    (DateTime(), [MOMENT]),
    (DateTime(timezone=True), [MOMENT.replace(tzinfo=UTC)]),
    (TIMESTAMPTZ(), [MOMENT.replace(tzinfo=UTC)]),
    (TIMESTAMP_S(), [MOMENT.replace(microsecond=0)]),
    (TIMESTAMP_MS(), [MOMENT.replace(microsecond=7000)]),
    (TIMESTAMP_NS(), [MOMENT]),
    (Interval(), [dt.timedelta(40, 3, 5), dt.timedelta(days=-1, seconds=2)]),
    (INTERVAL(), [dt.timedelta(0), dt.timedelta(microseconds=-1)]),
    (LargeBinary(), [b"\xff\x00'", b""]),
    (BLOB(), [b"a"]),
    (BIT(), ["0101", "1"]),
    (ENUM("a", "it's", name="labels"), ["a", "it's"]),
    (ENUM("x", "y"), ["x"]),
    (ENUM(Mood), [Mood.SAD]),
    (Enum(Mood, name="feeling"), [Mood.HAPPY]),
    (Enum(Mood, native_enum=False), [Mood.SAD]),
    (VARIANT(), [1, "x", Decimal("1.5"), dt.date(2020, 1, 1)]),
]

NESTED: list[tuple[TypeEngine[Any], list[Any]]] = [
    (LIST(Integer), [[1, None], [], [None]]),
    (LIST(LIST(Integer)), [[[1], [], None], []]),
    (LIST(Integer, dimensions=2), [[[1], []]]),
    (LIST(Integer, as_tuple=True), [(1, 2), ()]),
    (sqltypes.ARRAY(Integer), [[1]]),
    (sqltypes.ARRAY(String, dimensions=2), [[["a"]]]),
    (LIST(ENUM(Mood)), [[Mood.HAPPY, None], []]),
    (LIST(JSON()), [[{"a": 1}, "x", [1]], []]),
    (LIST(JSON(none_as_null=True)), [[None, 1]]),
    (LIST(Numeric(10, 2)), [[Decimal("1.25"), None]]),
    (LIST(Interval()), [[dt.timedelta(1)]]),
    (LIST(Uuid(as_uuid=False)), [[str(KEY), None]]),
    (LIST(LargeBinary), [[b"\x00"]]),
    (LIST(BIGNUM), [[1, 10**60]]),
    (LIST(UHUGEINT), [[1, 2**128 - 1]]),
    (LIST(BIT), [["01"]]),
    (LIST(TIMESTAMPTZ()), [[MOMENT.replace(tzinfo=UTC)]]),
    (ARRAY(Integer, 3), [[1, 2, None]]),
    (ARRAY(ENUM(Mood), 2), [[Mood.HAPPY, Mood.SAD]]),
    (ARRAY(ARRAY(Integer, 2), 2), [[[1, 2], [3, 4]]]),
    (LIST(ARRAY(Float, 2)), [[[1.0, 2.0]], []]),
    (ARRAY(Integer, 2, as_tuple=True), [(1, 2)]),
    (STRUCT({"a": Integer, "b": String}), [{"a": 1, "b": "x"}, {"a": None, "b": None}]),
    (
        STRUCT({"a b": Integer, 'q"x': STRUCT({"m": ENUM(Mood), "j": JSON})}),
        [{"a b": 1, 'q"x': {"m": Mood.SAD, "j": {"k": [1]}}}, {"a b": None, 'q"x': None}],
    ),
    (LIST(STRUCT({"m": MAP(String, Integer)})), [[{"m": {"a": 1}}, {"m": {}}, {"m": None}, None], []]),
    (MAP(String, Integer), [{"a": 1, "b": None}, {}]),
    (MAP(Integer, String), [{1: "a"}]),
    (MAP(ENUM(Mood), LIST(Numeric(10, 2))), [{Mood.HAPPY: [Decimal("1.25")]}, {}]),
    (MAP(Date, MAP(String, Uuid)), [{dt.date(2020, 1, 1): {"x": KEY}}, {dt.date(2020, 1, 1): {}}]),
    (MAP(String, JSON), [{"key": [1], "value": {"a": 2}}]),
    (LIST(MAP(String, Integer)), [[{"a": 1}, {}, None], []]),
    (MEMBER, [1, "x"]),
    (LIST(MEMBER), [[1, "x", None], []]),
    (STRUCT({"u": MEMBER}), [{"u": 1}, {"u": "z"}, {"u": None}]),
    (MAP(String, MEMBER), [{"a": 1, "b": "x"}]),
    (UNION({"m": MAP(String, Integer), "s": String}), [{"a": 1}, {}, "x"]),
    (UNION({"m": STRUCT({"a": Integer}), "s": String}), [{"a": 1}, "x"]),
]

VALUES = [(type_, value) for type_, values in SCALARS + NESTED for value in values]


def table_of(*columns: Column[Any]) -> Table:
    return Table("things", MetaData(), Column("id", Integer, primary_key=True, autoincrement=False), *columns)


@pytest.fixture
def engine(shared_engine: AndamiosEngine) -> AndamiosEngine:
    """An engine for tests that commit nothing."""
    return shared_engine


async def stored(engine: AsyncEngine, type_: TypeEngine[Any], *values: Any) -> list[Any]:
    things = table_of(Column("x", type_))
    async with engine.connect() as connection:
        await connection.run_sync(things.metadata.create_all, checkfirst=False)
        for position, value in enumerate(values):
            await connection.execute(things.insert().values(id=position, x=value))
        return list(await connection.scalars(select(things.c.x).order_by(things.c.id)))


async def read(engine: AsyncEngine, type_: TypeEngine[Any], value: Any, *expressions: Any) -> list[Any]:
    """The values of expressions, functions of the column, in a table of one value."""
    things = table_of(Column("x", type_))
    async with engine.connect() as connection:
        await connection.run_sync(things.metadata.create_all, checkfirst=False)
        await connection.execute(things.insert().values(id=1, x=value))
        row = (await connection.execute(select(*(make(things.c.x) for make in expressions)))).one()
    return list(row)


@pytest.mark.parametrize(("type_", "value"), VALUES)
async def test_a_value_comes_back_as_it_was(engine: AsyncEngine, type_: TypeEngine[Any], value: Any) -> None:
    (back,) = await stored(engine, type_, value)
    assert (back, type(back)) == (value, type(value))


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        (LIST(Float), [math.nan, 1.0, None]),
        (LIST(LIST(Float)), [[1.0], [math.nan]]),
        (STRUCT({"a": Double, "b": Integer}), {"a": math.nan, "b": 1}),
        (MAP(String, Float), {"a": math.nan}),
    ],
)
async def test_a_nan_inside_is_no_null(engine: AsyncEngine, type_: TypeEngine[Any], value: Any) -> None:
    (back,) = await stored(engine, type_, value)
    assert repr(back) == repr(value)


async def test_a_nan_inside_is_no_integer(engine: AsyncEngine) -> None:
    with pytest.raises(DataError, match="nan"):
        await stored(engine, LIST(Integer), [math.nan])


@pytest.mark.parametrize("type_", [type_ for type_, _ in SCALARS + NESTED])
async def test_none_is_null(engine: AsyncEngine, type_: TypeEngine[Any]) -> None:
    assert await read(engine, type_, null(), lambda x: x, lambda x: x.is_(None)) == [None, True]


@pytest.mark.parametrize(("type_", "value"), VALUES)
async def test_a_value_finds_its_row(engine: AsyncEngine, type_: TypeEngine[Any], value: Any) -> None:
    assert await read(engine, type_, value, lambda x: x == literal(value, type_)) == [True]


@pytest.mark.parametrize(("type_", "value"), VALUES)
async def test_a_value_is_rendered_as_a_literal(
    engine: AsyncEngine, type_: TypeEngine[Any], value: Any
) -> None:
    things = table_of(Column("x", type_))
    insert = things.insert().values(id=1, x=literal(value, type_))
    rendered = str(insert.compile(dialect=engine.dialect, compile_kwargs={"literal_binds": True}))
    async with engine.connect() as connection:
        await connection.run_sync(things.metadata.create_all, checkfirst=False)
        await connection.exec_driver_sql(rendered)
        assert await connection.scalar(select(things.c.x)) == value


@pytest.mark.parametrize(("type_", "values"), SCALARS + NESTED)
async def test_many_rows_at_once(engine: AsyncEngine, type_: TypeEngine[Any], values: list[Any]) -> None:
    things = table_of(Column("x", type_))
    rows = [{"id": position, "x": value} for position, value in enumerate([*values, *values])]
    async with engine.connect() as connection:
        await connection.run_sync(things.metadata.create_all, checkfirst=False)
        await connection.execute(things.insert(), rows)
        assert list(await connection.scalars(select(things.c.x).order_by(things.c.id))) == [*values, *values]


@pytest.mark.parametrize(("type_", "values"), SCALARS + NESTED)
async def test_many_rows_at_once_with_returning(
    engine: AsyncEngine, type_: TypeEngine[Any], values: list[Any]
) -> None:
    things = table_of(Column("x", type_))
    rows = [{"id": position, "x": value} for position, value in enumerate([*values, *values])]
    insert = things.insert().returning(things.c.x, sort_by_parameter_order=True)
    async with engine.connect() as connection:
        await connection.run_sync(things.metadata.create_all, checkfirst=False)
        assert list(await connection.scalars(insert, rows)) == [*values, *values]


@pytest.mark.parametrize("type_", [type_ for type_, _ in SCALARS + NESTED])
def test_equal_types_share_a_cache_key_and_it_is_hashable(type_: TypeEngine[Any]) -> None:
    key = type_._static_cache_key
    assert key == type_.copy()._static_cache_key
    assert hash(key) == hash(type_.copy()._static_cache_key)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (STRUCT({"a": Integer}), STRUCT({"a": String})),
        (STRUCT({"a": Integer}), STRUCT({"b": Integer})),
        (STRUCT({"a": Integer, "b": Integer}), STRUCT({"b": Integer, "a": Integer})),
        (STRUCT({"a": Integer}), UNION({"a": Integer})),
        (MAP(String, Integer), MAP(Integer, String)),
        (LIST(Integer), LIST(String)),
        (LIST(Integer), ARRAY(Integer, 3)),
        (ARRAY(Integer, 2), ARRAY(Integer, 3)),
        (LIST(STRUCT({"a": Integer})), LIST(STRUCT({"a": String}))),
    ],
)
def test_unlike_types_have_unlike_cache_keys(one: TypeEngine[Any], other: TypeEngine[Any]) -> None:
    assert one._static_cache_key != other._static_cache_key


def test_a_member_that_is_not_cached_keeps_the_whole_from_being_cached() -> None:
    class Uncached(TypeDecorator[int]):
        impl = Integer
        cache_ok = False

    assert STRUCT({"a": Uncached})._static_cache_key is Uncached()._static_cache_key


async def test_a_decorated_type_is_converted_inside_a_nested_one(engine: AsyncEngine) -> None:
    class Doubled(TypeDecorator[int]):
        impl = Integer
        cache_ok = True

        def process_bind_param(self, value: int | None, dialect: Any) -> int | None:
            return None if value is None else value * 2

    assert await stored(engine, LIST(Doubled), [1, None]) == [[2, None]]


@pytest.mark.parametrize("make", [STRUCT, UNION])
def test_a_type_without_fields_is_refused_by_name(make: Any) -> None:
    with pytest.raises(ValueError, match=f"{make.__name__} needs at least one field"):
        make({})


def test_an_array_without_elements_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one element, not 0"):
        ARRAY(Integer, 0)


async def test_a_field_left_out_is_null(engine: AsyncEngine) -> None:
    assert await stored(engine, STRUCT({"a": Integer, "b": String}), {"b": "x"}) == [{"a": None, "b": "x"}]


async def test_an_unknown_field_is_refused_by_name(engine: AsyncEngine) -> None:
    with pytest.raises(exc.StatementError, match="STRUCT has no field 'c'"):
        await stored(engine, STRUCT({"a": Integer}), {"a": 1, "c": 2})


async def test_an_array_of_another_length_is_refused(engine: AsyncEngine) -> None:
    with pytest.raises(exc.DBAPIError):
        await stored(engine, ARRAY(Integer, 3), [1, 2])


class TestNumeric:
    async def test_more_decimals_than_kept_are_refused(self, engine: AsyncEngine) -> None:
        with pytest.raises(exc.StatementError, match=r"more than 10 decimals.*Numeric\(38, 11\)"):
            await stored(engine, Numeric(), Decimal("1.12345678901"))

    async def test_too_large_a_number_is_refused(self, engine: AsyncEngine) -> None:
        with pytest.raises(exc.DBAPIError):
            await stored(engine, Numeric(), Decimal(10) ** 28)

    async def test_the_given_scale_rounds(self, engine: AsyncEngine) -> None:
        assert await stored(engine, Numeric(10, 2), Decimal("1.005")) == [Decimal("1.01")]

    async def test_more_digits_than_a_decimal_holds_are_rounded_exactly(self, engine: AsyncEngine) -> None:
        value = Decimal("1.1234567890123456789012345678901234567890123")
        assert await stored(engine, Numeric(38, 20), value) == [Decimal("1.12345678901234567890")]

    async def test_a_not_a_number_is_refused(self, engine: AsyncEngine) -> None:
        with pytest.raises(exc.DBAPIError):
            await stored(engine, Numeric(), Decimal("NaN"))

    async def test_what_the_engine_computes_has_the_kind_asked_for(self, engine: AsyncEngine) -> None:
        back = await read(engine, Numeric(), Decimal(3), lambda x: x / 4, lambda x: x * x, lambda x: x / x)
        assert back == [Decimal("0.75"), Decimal(9), Decimal(1)]
        assert {type(value) for value in back} == {Decimal}


class TestList:
    @pytest.mark.parametrize(
        ("make", "expected"),
        [
            (lambda x: x[1], 10),
            (lambda x: x[2:3], [20, 30]),
            (lambda x: x[2:], [20, 30]),
            (lambda x: x[:2], [10, 20]),
            (lambda x: x.contains(20), True),
            (lambda x: x.contains(21), False),
            (lambda x: x.contains([30, 10]), True),
            (lambda x: x.contains([30, 11]), False),
            (lambda x: x.contains(x), True),
            (lambda x: x.contains(x[1]), True),
            (lambda x: x.overlap([1, 30]), True),
            (lambda x: x.overlap([1]), False),
            (lambda x: any_(x) == 20, True),
            (lambda x: all_(x) != 20, False),
            (lambda x: x.concat([40]), [10, 20, 30, 40]),
            (lambda x: func.len(x), 3),
        ],
    )
    async def test_operators(self, engine: AsyncEngine, make: Any, expected: Any) -> None:
        assert await read(engine, LIST(Integer), [10, 20, 30], make) == [expected]

    async def test_zero_indexes(self, engine: AsyncEngine) -> None:
        type_ = LIST(Integer, zero_indexes=True)
        back = await read(engine, type_, [10, 20, 30], lambda x: x[0], lambda x: x[0:1], lambda x: x[1:])
        assert back == [10, [10, 20], [20, 30]]

    @pytest.mark.parametrize("type_", [LIST(LIST(Integer)), LIST(Integer, dimensions=2)])
    async def test_lists_in_a_list(self, engine: AsyncEngine, type_: LIST) -> None:
        back = await read(
            engine, type_, [[1], [2]], lambda x: x[2], lambda x: x[2][1], lambda x: x.contains([1])
        )
        assert back == [[2], 2, True]

    async def test_enum_members(self, engine: AsyncEngine) -> None:
        back = await read(
            engine, LIST(ENUM(Mood)), [Mood.SAD], lambda x: x[1], lambda x: x.contains(Mood.SAD)
        )
        assert back == [Mood.SAD, True]

    def test_a_step_is_refused(self) -> None:
        with pytest.raises(ValueError, match="no step"):
            table_of(Column("x", LIST(Integer))).c.x[1:5:2]


async def test_struct_fields(engine: AsyncEngine) -> None:
    type_ = STRUCT({"a b": Integer, "it's": ENUM(Mood)})
    value = {"a b": 5, "it's": Mood.SAD}
    back = await read(engine, type_, value, lambda x: x["a b"] + 1, lambda x: x["it's"], lambda x: x == value)
    assert back == [6, Mood.SAD, True]


def test_a_missing_struct_field_is_a_key_error() -> None:
    with pytest.raises(KeyError, match="nope"):
        table_of(Column("x", STRUCT({"a": Integer}))).c.x["nope"]


async def test_map_values(engine: AsyncEngine) -> None:
    value = {"k": {"n": 1}, "none": None}
    back = await read(
        engine,
        MAP(String, JSON),
        value,
        lambda x: x["k"],
        lambda x: x["k"]["n"].as_integer(),
        lambda x: x["missing"],
        lambda x: x[literal("k")],
        lambda x: x.contains("k"),
        lambda x: x.contains("missing"),
    )
    assert back == [{"n": 1}, 1, None, {"n": 1}, True, False]


async def test_union_members(engine: AsyncEngine) -> None:
    type_ = UNION({"i": Integer, "mood": ENUM(Mood)})
    back = await read(engine, type_, Mood.SAD, lambda x: x["i"], lambda x: x["mood"], lambda x: x.tag_name)
    assert back == [None, Mood.SAD, "mood"]


async def test_a_value_of_no_union_member_is_left_to_the_engine(engine: AsyncEngine) -> None:
    assert await stored(engine, UNION({"f": Float, "s": String}), Decimal("1.5")) == [1.5]


def test_a_value_of_no_union_member_has_no_literal(engine: AsyncEngine) -> None:
    with pytest.raises(exc.CompileError):
        literal(b"x", MEMBER).compile(dialect=engine.dialect, compile_kwargs={"literal_binds": True})


@pytest.mark.parametrize("value", [[1], {"a": 1}])
async def test_a_variant_keeps_lists_and_structs(engine: AsyncEngine, value: Any) -> None:
    assert await stored(engine, VARIANT(), value) == [value]


async def test_a_list_of_variants_keeps_each_type(engine: AsyncEngine) -> None:
    assert await stored(engine, LIST(VARIANT), [1, "x", dt.date(2020, 1, 1)]) == [
        [1, "x", dt.date(2020, 1, 1)]
    ]


@pytest.mark.parametrize(("type_", "value"), [(VARIANT(), [1]), (LIST(sqltypes.NullType()), [1])])
def test_a_value_without_literal_form_is_a_compile_error(
    engine: AsyncEngine, type_: TypeEngine[Any], value: Any
) -> None:
    with pytest.raises(exc.CompileError):
        literal(value, type_).compile(dialect=engine.dialect, compile_kwargs={"literal_binds": True})


DOCUMENT = {
    "a": {"b": [10, 20]},
    "s": "txt",
    "$id": 7,
    'q"t': 1,
    "b\\s": 3,
    "x.y": 4,
    "t": True,
    "f": 1.5,
    "none": None,
}


class TestJson:
    @pytest.mark.parametrize(
        ("make", "expected"),
        [
            (lambda x: x["a"], {"b": [10, 20]}),
            (lambda x: x["a"]["b"][0], 10),
            (lambda x: x[("a", "b", -1)], 20),
            (lambda x: x["$id"], 7),
            (lambda x: x['q"t'], 1),
            (lambda x: x["b\\s"], 3),
            (lambda x: x["x.y"], 4),
            (lambda x: x["missing"], None),
            (lambda x: x["s"].as_string(), "txt"),
            (lambda x: x["$id"].as_integer(), 7),
            (lambda x: x["f"].as_float(), 1.5),
            (lambda x: x["f"].as_numeric(10, 2), Decimal("1.50")),
            (lambda x: x["t"].as_boolean(), True),
            (lambda x: x["a"].as_json(), {"b": [10, 20]}),
            (lambda x: x[("a", "b", 1)].as_integer(), 20),
            (lambda x: x["none"].as_string(), None),
            (lambda x: x["s"] == "txt", True),
            (lambda x: x["s"].as_string() == "txt", True),
            (lambda x: x["a"] == {"b": [10, 20]}, True),
            (lambda x: x["none"] == JSON.NULL, True),
            (lambda x: x["missing"].is_(None), True),
        ],
    )
    async def test_paths_and_comparison(self, engine: AsyncEngine, make: Any, expected: Any) -> None:
        assert await read(engine, JSON(), DOCUMENT, make) == [expected]

    async def test_a_string_is_compared_as_a_document(self, engine: AsyncEngine) -> None:
        assert await read(engine, JSON(), "x", lambda x: x == "x", lambda x: x == "y") == [True, False]

    @pytest.mark.parametrize(
        ("type_", "value", "expected"),
        [
            (JSON(), None, "null"),
            (JSON(none_as_null=True), None, None),
            (JSON(none_as_null=True), JSON.NULL, "null"),
            (JSON(), null(), None),
        ],
    )
    async def test_null(self, engine: AsyncEngine, type_: JSON, value: Any, expected: str | None) -> None:
        def as_text(x: ColumnElement[Any]) -> ColumnElement[Any]:
            return func.concat("", x, type_=String()) if expected else x.is_(None)

        assert await read(engine, type_, value, as_text) == [expected or True]

    async def test_a_path_is_rendered_as_a_literal(self, engine: AsyncEngine) -> None:
        things = table_of(Column("x", JSON))
        rendered = str(
            select(things.c.x[("a", "b", 0)]).compile(
                dialect=engine.dialect, compile_kwargs={"literal_binds": True}
            )
        )
        assert """'$."a"."b"[0]'""" in rendered


async def test_text_in_any_spelling_is_one_uuid(engine: AsyncEngine) -> None:
    assert await read(engine, UUID(as_uuid=False), str(KEY), lambda x: x == str(KEY).upper()) == [True]


async def test_bits_are_compared_with_text(engine: AsyncEngine) -> None:
    assert await read(engine, BIT(), "0101", lambda x: x == "0101", lambda x: x == "1101") == [True, False]


def test_bits_are_compared_with_numbers_as_numbers() -> None:
    column = table_of(Column("x", BIT)).c.x
    assert isinstance((column == 1).right.type, Integer)


@pytest.mark.parametrize(
    ("type_", "expected"), [(BIT(), str), (STRUCT({"a": Integer}), dict), (MAP(String, Integer), dict)]
)
def test_python_type(type_: TypeEngine[Any], expected: type[Any]) -> None:
    assert type_.python_type is expected


async def test_intervals_and_dates_add_up(engine: AsyncEngine) -> None:
    back = await read(engine, Interval(), dt.timedelta(1), lambda x: x + literal(MOMENT), lambda x: x + x)
    assert back == [MOMENT + dt.timedelta(1), dt.timedelta(2)]


class TestEnumType:
    async def names(self, connection: AsyncConnection) -> list[str]:
        found = text("SELECT type_name FROM duckdb_types() WHERE NOT internal ORDER BY ALL")
        return list(await connection.scalars(found))

    async def test_is_created_and_dropped_with_the_metadata(self, engine: AsyncEngine) -> None:
        metadata = table_of(
            Column("x", ENUM("a", name="first")), Column("y", Enum("b", name="second"))
        ).metadata
        async with engine.connect() as connection:
            await connection.run_sync(metadata.create_all)
            assert await self.names(connection) == ["first", "second"]
            await connection.run_sync(metadata.drop_all)
            assert await self.names(connection) == []

    @pytest.mark.parametrize("type_", [ENUM("a"), LIST(ENUM("a", name="inside")), STRUCT({"f": ENUM(Mood)})])
    async def test_is_spelled_out_without_a_name_and_inside_others(
        self, engine: AsyncEngine, type_: TypeEngine[Any]
    ) -> None:
        metadata = table_of(Column("x", type_)).metadata
        async with engine.connect() as connection:
            await connection.run_sync(metadata.create_all)
            assert await self.names(connection) == []


async def test_nested_server_default(engine: AsyncEngine) -> None:
    type_ = MAP(String, LIST(Integer))
    things = table_of(Column("x", type_, server_default=literal({"a": [1]}, type_)))
    async with engine.connect() as connection:
        await connection.run_sync(things.metadata.create_all, checkfirst=False)
        await connection.execute(things.insert().values(id=1))
        assert await connection.scalar(select(things.c.x)) == {"a": [1]}


def test_public_names() -> None:
    found = {name for name in dir(types) if name.isupper()}
    assert found == set(types.__all__)
    assert types.__all__ == sorted(types.__all__)


async def test_a_boolean_is_sent_as_it_is(engine: AsyncEngine) -> None:
    table = Table("flags", MetaData(), Column("x", Boolean))
    async with engine.connect() as connection:
        await connection.run_sync(table.create)
        await connection.execute(table.insert(), [{"x": True}, {"x": False}, {"x": None}, {"x": 1}])
        found = (await connection.execute(select(table.c.x))).scalars().all()
        assert (
            await connection.execute(select(table.c.x).where(table.c.x == literal(True)))
        ).scalars().all() == [True, True]
    assert found == [True, False, None, True]


class Size(enum.Enum):
    """Its order is neither that of its names nor that of its values."""

    SMALL = "b"
    MEDIUM = "c"
    LARGE = "a"


@pytest.mark.parametrize(
    "type_", [Enum(Size), Enum(Size, native_enum=False), Enum("SMALL", "MEDIUM", name="sizes")]
)
async def test_members_of_an_enum_are_compared_in_its_order(engine: AsyncEngine, type_: Any) -> None:
    table = Table("sized", MetaData(), Column("x", type_))
    small, medium = ("SMALL", "MEDIUM") if type_.enum_class is None else (Size.SMALL, Size.MEDIUM)
    async with engine.connect() as connection:
        await connection.run_sync(table.metadata.create_all)
        await connection.execute(table.insert(), [{"x": small}, {"x": medium}])
        in_order = list(await connection.scalars(select(table.c.x).order_by(table.c.x)))
        above = list(await connection.scalars(select(table.c.x).where(table.c.x > in_order[0])))
        below = list(await connection.scalars(select(table.c.x).where(table.c.x <= in_order[0])))
        assert (above, below) == (in_order[1:], in_order[:1])
        assert (
            list(await connection.scalars(select(table.c.x).where(literal(in_order[1], type_) > table.c.x)))
            == below
        )
        assert list(await connection.scalars(select(table.c.x).where(table.c.x >= in_order[1]))) == above


@pytest.mark.parametrize(
    ("steps", "found"),
    [
        ("*", "star"),
        ("", "empty"),
        (("a", "*"), "in a"),
        (("*/~", 1), "y"),
        ("a*", "letter"),
        (("a", "b"), None),
    ],
)
async def test_keys_that_no_path_can_name(engine: AsyncEngine, steps: Any, found: Any) -> None:
    document = {"*": "star", "": "empty", "a": {"*": "in a"}, "*/~": ["x", "y"], "a*": "letter"}
    table = Table("documents", MetaData(), Column("x", sqltypes.JSON))
    async with engine.connect() as connection:
        await connection.run_sync(table.create)
        await connection.execute(table.insert(), [{"x": document}])
        assert await connection.scalar(select(table.c.x[steps].as_string())) == found
