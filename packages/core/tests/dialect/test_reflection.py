"""Reflection, asked through SQLAlchemy's inspector against DuckDB."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar, cast

import duckdb
import pytest
from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    event,
    inspect,
    make_url,
    text,
)
from sqlalchemy import types as sqltypes
from sqlalchemy.engine.reflection import ObjectKind, ObjectScope
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from andamios_orm.core import types
from andamios_orm.core.dialect.catalog_text import unwrapped, written_columns
from andamios_orm.core.dialect.reflection import DuckDBInspector

T = TypeVar("T")


class Database:
    """A connection, and the questions put to it."""

    def __init__(self, connection: AsyncConnection, *, commits: bool = False) -> None:
        self.connection = connection
        self.commits = commits

    async def run(self, *statements: str) -> None:
        for statement in statements:
            await self.connection.exec_driver_sql(statement)
            if self.commits:
                await self.connection.commit()

    async def ask(self, question: Callable[[DuckDBInspector], T]) -> T:
        return await self.connection.run_sync(
            lambda connection: question(cast("DuckDBInspector", inspect(connection)))
        )


@pytest.fixture
async def database(shared_engine: AsyncEngine) -> AsyncIterator[Database]:
    """A database that is empty again when its transaction is rolled back."""
    async with shared_engine.connect() as connection:
        yield Database(connection)


@pytest.fixture
async def own(engine: AsyncEngine) -> AsyncIterator[Database]:
    """A database of its own, to which others may be attached: a transaction writes to one of them only."""
    async with engine.connect() as connection:
        yield Database(connection, commits=True)


@pytest.fixture
async def native() -> AsyncIterator[Database]:
    """A database in which the engine checks foreign keys."""
    engine = create_async_engine(make_url("duckdb+andamios:///:memory:?foreign_keys=native"))
    async with engine.connect() as connection:
        yield Database(connection)
    await engine.dispose()


async def column(database: Database, definition: str) -> Any:
    """Return what is reflected of the column ``c`` in a table that is made of the definition."""
    await database.run(f"CREATE TABLE t ({definition})")
    columns = await database.ask(lambda i: i.get_columns("t"))
    return next(found for found in columns if found["name"] == "c")


# --- columns ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ("c DECIMAL(10, 2)", sqltypes.DECIMAL(10, 2)),
        ("c TIMESTAMP WITH TIME ZONE", sqltypes.TIMESTAMP(timezone=True)),
        ("c HUGEINT", types.HUGEINT()),
        (
            'c STRUCT(a INTEGER, "b c" VARCHAR)[]',
            types.LIST(types.STRUCT({"a": sqltypes.INTEGER(), "b c": sqltypes.VARCHAR()})),
        ),
        ("c ENUM('a', 'b''c')", types.ENUM("a", "b'c")),
        ("c VARCHAR COLLATE nocase", sqltypes.VARCHAR(collation="nocase")),
        ("c VARCHAR", sqltypes.VARCHAR()),
    ],
)
async def test_column_has_its_real_type(database: Database, definition: str, expected: Any) -> None:
    assert repr((await column(database, definition))["type"]) == repr(expected)


@pytest.mark.parametrize(
    ("definition", "nullable"),
    [("c INTEGER", True), ("c INTEGER NOT NULL", False), ("c INTEGER PRIMARY KEY", False)],
)
async def test_nullable(database: Database, definition: str, nullable: bool) -> None:
    assert (await column(database, definition))["nullable"] is nullable


@pytest.mark.parametrize(
    "default",
    ["1", "'it''s'", "'GENERATED ALWAYS AS (1)'", "(3 + 5)", "[1, 2]", "current_timestamp", "NULL", "-1.5"],
)
async def test_default_can_be_used_again(database: Database, default: str) -> None:
    await database.run(f"CREATE TABLE first (c VARCHAR DEFAULT {default})")
    columns = await database.ask(lambda i: i.get_columns("first"))
    await database.run(f"CREATE TABLE second (c VARCHAR DEFAULT {columns[0]['default']})")
    assert await database.ask(lambda i: i.get_columns("second")[0]["default"]) == columns[0]["default"]


async def test_column_without_default(database: Database) -> None:
    assert (await column(database, "c INTEGER"))["default"] is None


@pytest.mark.parametrize(
    ("definition", "generated"),
    [
        ("c INTEGER PRIMARY KEY DEFAULT nextval('keys')", True),
        ("c BIGINT DEFAULT nextval('keys'), d INTEGER, PRIMARY KEY (d, c)", True),
        ("c INTEGER DEFAULT nextval('keys')", False),
        ("c VARCHAR PRIMARY KEY DEFAULT nextval('keys')", False),
        ("c INTEGER PRIMARY KEY DEFAULT 1", False),
        ("c INTEGER PRIMARY KEY", False),
        ("d INTEGER DEFAULT nextval('keys'), c INTEGER DEFAULT nextval('keys'), PRIMARY KEY (d, c)", False),
    ],
)
async def test_autoincrement_is_an_integer_key_from_a_sequence(
    database: Database, definition: str, generated: bool
) -> None:
    await database.run("CREATE SEQUENCE keys")
    assert (await column(database, definition))["autoincrement"] is generated


async def test_generated_key_of_a_mapped_table_round_trips(database: Database) -> None:
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True))
    await database.connection.run_sync(table.metadata.create_all)
    reflected = await database.connection.run_sync(lambda c: Table("t", MetaData(), autoload_with=c))
    await database.connection.execute(reflected.insert(), [{}])
    assert (await database.connection.execute(reflected.select())).scalar_one() == 1


@pytest.mark.parametrize(
    ("expression", "sqltext"),
    [
        ("d * 2", "d * 2"),
        ("length(e || ')')", "length((e || ')'))"),
        ("(d + 1) * (d + 2)", "(d + 1) * (d + 2)"),
    ],
)
async def test_computed_column(database: Database, expression: str, sqltext: str) -> None:
    others = 'd INTEGER, e VARCHAR, "x, (" INTEGER'
    found = await column(database, f"{others}, c INTEGER GENERATED ALWAYS AS ({expression})")
    assert found["computed"] == {"sqltext": sqltext, "persisted": False}
    assert found["default"] is None


async def test_column_that_is_not_computed(database: Database) -> None:
    assert "computed" not in await column(database, "c INTEGER, d INTEGER AS (c + 1)")


async def test_columns_of_a_view(database: Database) -> None:
    await database.run(
        "CREATE TABLE t (a INTEGER NOT NULL)",
        "CREATE VIEW v AS SELECT a AS b FROM t",
        "COMMENT ON COLUMN v.b IS 'x'",
    )
    [found] = await database.ask(lambda i: i.get_columns("v"))
    assert (found["name"], repr(found["type"]), found["comment"]) == ("b", "INTEGER()", "x")


# --- comments -----------------------------------------------------------------------------------------------


async def test_comments(database: Database) -> None:
    await database.run(
        "CREATE TABLE t (a INTEGER, b INTEGER)",
        "COMMENT ON TABLE t IS 'it''s'",
        "COMMENT ON COLUMN t.a IS 'first'",
    )
    assert await database.ask(lambda i: i.get_table_comment("t")) == {"text": "it's"}
    columns = await database.ask(lambda i: i.get_columns("t"))
    assert [found["comment"] for found in columns] == ["first", None]


# --- constraints --------------------------------------------------------------------------------------------


async def test_constraints_have_no_names(database: Database) -> None:
    """The names in DuckDB's catalog are composed by the engine; what was given is not kept."""
    await database.run("CREATE TABLE t (a INTEGER, CONSTRAINT p PRIMARY KEY (a), CONSTRAINT u UNIQUE (a))")
    assert (await database.ask(lambda i: i.get_pk_constraint("t")))["name"] is None
    assert [found["name"] for found in await database.ask(lambda i: i.get_unique_constraints("t"))] == [None]


@pytest.mark.parametrize(
    ("definition", "columns"),
    [
        ("a INTEGER, B INTEGER, PRIMARY KEY (b, A)", ["B", "a"]),
        ("a INTEGER", []),
        ('"x y" INTEGER PRIMARY KEY', ["x y"]),
    ],
)
async def test_primary_key(database: Database, definition: str, columns: list[str]) -> None:
    await database.run(f"CREATE TABLE t ({definition})")
    found = await database.ask(lambda i: i.get_pk_constraint("t"))
    assert found == {"constrained_columns": columns, "name": None}


async def test_unique_constraints_in_the_order_written(database: Database) -> None:
    await database.run(
        "CREATE TABLE t (a INTEGER, b INTEGER UNIQUE, UNIQUE (b, a))", "CREATE UNIQUE INDEX i ON t (a)"
    )
    found = await database.ask(lambda i: i.get_unique_constraints("t"))
    assert [constraint["column_names"] for constraint in found] == [["b"], ["b", "a"]]


async def test_check_constraints_of_columns_and_tables(database: Database) -> None:
    await database.run("CREATE TABLE t (a INTEGER CHECK (a > 0), b VARCHAR, CHECK ((a < 5) OR (b = ')')))")
    found = await database.ask(lambda i: i.get_check_constraints("t"))
    assert [constraint["sqltext"] for constraint in found] == ["a > 0", "(a < 5) OR (b = ')')"]


async def test_foreign_keys(native: Database) -> None:
    await native.run(
        "CREATE TABLE parent (a INTEGER, b INTEGER, PRIMARY KEY (a, b))",
        "CREATE TABLE child (x INTEGER, y INTEGER, FOREIGN KEY (y, x) REFERENCES parent (a, b))",
    )
    assert await native.ask(lambda i: i.get_foreign_keys("child")) == [
        {
            "name": None,
            "constrained_columns": ["y", "x"],
            "referred_schema": None,
            "referred_table": "parent",
            "referred_columns": ["a", "b"],
            "options": {},
        }
    ]
    assert await native.ask(lambda i: i.get_foreign_keys("parent")) == []


async def test_foreign_key_names_the_table_as_it_was_created(native: Database) -> None:
    """The engine keeps the case in which the reference was written."""
    await native.run(
        "CREATE TABLE Parent (Id INTEGER PRIMARY KEY)",
        "CREATE TABLE child (X INTEGER REFERENCES PARENT (ID))",
    )
    [found] = await native.ask(lambda i: i.get_foreign_keys("child"))
    assert (found["referred_table"], found["referred_columns"]) == ("Parent", ["Id"])


async def test_foreign_key_carries_the_schema_that_was_asked_for(native: Database) -> None:
    await native.run(
        "CREATE SCHEMA s",
        "CREATE TABLE p (id INTEGER PRIMARY KEY)",
        "CREATE TABLE s.p (id INTEGER PRIMARY KEY)",
        "CREATE TABLE s.c (id INTEGER REFERENCES s.p (id))",
    )
    [found] = await native.ask(lambda i: i.get_foreign_keys("c", schema="s"))
    assert (found["referred_schema"], found["referred_table"]) == ("s", "p")


async def test_mapped_tables_round_trip(native: Database) -> None:
    metadata = MetaData()
    Table("team", metadata, Column("id", Integer, primary_key=True), Column("name", String, unique=True))
    Table(
        "member",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("team_id", ForeignKey("team.id"), index=True),
        Column("a", Integer),
        UniqueConstraint("team_id", "a"),
    )
    await native.connection.run_sync(metadata.create_all)
    reflected = MetaData()
    await native.connection.run_sync(reflected.reflect)
    member = reflected.tables["member"]
    assert member.c.team_id.references(reflected.tables["team"].c.id)
    assert {index.name for index in member.indexes} == {"ix_member_team_id"}


# --- indexes ------------------------------------------------------------------------------------------------


async def test_indexes_but_not_those_of_constraints(database: Database) -> None:
    await database.run(
        'CREATE TABLE t (a INTEGER PRIMARY KEY, "B c" INTEGER UNIQUE)',
        'CREATE UNIQUE INDEX j ON t ("b C", a)',
        "CREATE INDEX i ON t (a)",
    )
    assert await database.ask(lambda i: i.get_indexes("t")) == [
        {"name": "i", "column_names": ["a"], "unique": False, "dialect_options": {}},
        {"name": "j", "column_names": ["B c", "a"], "unique": True, "dialect_options": {}},
    ]


async def test_index_on_expressions_can_be_created_again(database: Database) -> None:
    await database.run(
        "CREATE TABLE t (a INTEGER, b VARCHAR)", "CREATE INDEX i ON t (lower(b || ', '''), a, (a + 1))"
    )
    table = await database.connection.run_sync(lambda c: Table("t", MetaData(), autoload_with=c))
    await database.run("DROP INDEX i")
    [index] = table.indexes
    await database.connection.run_sync(index.create)
    [found] = await database.ask(lambda i: i.get_indexes("t"))
    assert found["column_names"] == [None, "a", None]
    assert found["expressions"] == ["(lower((b || ', ''')))", "a", "(a + 1)"]


@pytest.mark.parametrize(
    ("table", "index", "found"), [("t", "i", True), ("T", "I", True), ("t", "j", False), ("u", "i", False)]
)
async def test_has_index(database: Database, table: str, index: str, found: bool) -> None:
    await database.run("CREATE TABLE t (a INTEGER)", "CREATE TABLE u (a INTEGER)", "CREATE INDEX i ON t (a)")
    assert await database.ask(lambda i: i.has_index(table, index)) is found


# --- views, sequences, types --------------------------------------------------------------------------------


async def test_view_definition_creates_the_view_again(database: Database) -> None:
    await database.run("CREATE VIEW v (a, b) AS SELECT 1, 2")
    definition = await database.ask(lambda i: i.get_view_definition("v"))
    await database.run("DROP VIEW v", definition)
    assert await database.ask(lambda i: i.get_view_names()) == ["v"]
    assert await database.ask(lambda i: i.get_materialized_view_names()) == []


@pytest.mark.parametrize("name", ["missing", "t"])
async def test_definition_of_what_is_no_view(database: Database, name: str) -> None:
    await database.run("CREATE TABLE t (a INTEGER)")
    with pytest.raises(NoSuchTableError):
        await database.ask(lambda i: i.get_view_definition(name))


async def test_view_on_a_dropped_table_is_still_reflected(database: Database) -> None:
    await database.run("CREATE TABLE t (a INTEGER)", "CREATE VIEW v AS SELECT * FROM t", "DROP TABLE t")
    assert [found["name"] for found in await database.ask(lambda i: i.get_columns("v"))] == ["a"]


async def test_sequences_with_those_of_generated_keys(database: Database) -> None:
    await database.run("CREATE SEQUENCE b", "CREATE SCHEMA s", "CREATE SEQUENCE s.c")
    table = Table("t", MetaData(), Column("id", Integer, primary_key=True))
    await database.connection.run_sync(table.metadata.create_all)
    assert await database.ask(lambda i: i.get_sequence_names()) == ["b", "t_id_seq"]
    assert await database.ask(lambda i: i.get_sequence_names("s")) == ["c"]


@pytest.mark.parametrize(
    ("name", "schema", "found"), [("Q", None, True), ("q", "s", False), ("x", None, False)]
)
async def test_has_sequence(database: Database, name: str, schema: str | None, found: bool) -> None:
    await database.run("CREATE SCHEMA s", "CREATE SEQUENCE q")
    assert await database.ask(lambda i: i.has_sequence(name, schema)) is found


async def test_enum_types_of_a_schema(database: Database) -> None:
    await database.run(
        "CREATE TYPE mood AS ENUM ('a', 'b')", "CREATE SCHEMA s", "CREATE TYPE s.size AS ENUM ('x')"
    )
    assert await database.ask(lambda i: i.get_enums()) == [
        {"name": "mood", "schema": "main", "labels": ["a", "b"]}
    ]
    assert [found["name"] for found in await database.ask(lambda i: i.get_enums("s"))] == ["size"]


# --- schemas and catalogs -----------------------------------------------------------------------------------


async def test_a_table_of_the_same_name_elsewhere_is_not_found(own: Database) -> None:
    await own.run(
        "CREATE SCHEMA s",
        "CREATE TABLE s.t (a INTEGER)",
        "ATTACH ':memory:' AS other",
        "CREATE TABLE other.t (a INTEGER)",
    )
    assert await own.ask(lambda i: i.has_table("t")) is False
    assert await own.ask(lambda i: i.get_table_names()) == []
    table = Table("t", MetaData(), Column("b", Integer))
    await own.connection.run_sync(table.metadata.create_all)
    assert [found["name"] for found in await own.ask(lambda i: i.get_columns("t"))] == ["b"]


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        (None, ["here"]),
        ("main", ["here"]),
        ("s", ["beside"]),
        ("S", ["beside"]),
        ("memory.s", ["beside"]),
        ('"my db"."my.schema"', ["away"]),
        ('my db."my.schema"', ["away"]),
        ("my db.main", []),
        ("missing", []),
    ],
)
async def test_table_names_of_a_schema(own: Database, schema: str | None, names: list[str]) -> None:
    await own.run(
        "CREATE TABLE here (a INTEGER)",
        "CREATE SCHEMA s",
        "CREATE TABLE s.beside (a INTEGER)",
        "ATTACH ':memory:' AS \"my db\"",
        'CREATE SCHEMA "my db"."my.schema"',
        'CREATE TABLE "my db"."my.schema".away (a INTEGER)',
    )
    assert await own.ask(lambda i: i.get_table_names(schema)) == names


async def test_the_current_schema_is_the_one_in_use(database: Database) -> None:
    await database.run(
        "CREATE TABLE here (a INTEGER)", "CREATE SCHEMA s", "CREATE TABLE s.beside (a INTEGER)", "USE s"
    )
    assert await database.ask(lambda i: i.get_table_names()) == ["beside"]


async def test_schema_names(own: Database) -> None:
    await own.run('CREATE SCHEMA "a.b"', "ATTACH ':memory:' AS other")
    names = await own.ask(lambda i: i.get_schema_names())
    assert names == ['"a.b"', "main", "other.main"]
    assert await own.ask(lambda i: all(i.has_schema(name) for name in names))


@pytest.mark.parametrize("name", ["missing", "missing.main", "other.missing"])
async def test_schema_that_does_not_exist(own: Database, name: str) -> None:
    await own.run("ATTACH ':memory:' AS other")
    assert await own.ask(lambda i: i.has_schema(name)) is False


@pytest.mark.skipif(duckdb.__version__ < "2", reason="DuckDB nests schemas since 2.0")
async def test_a_nested_schema_is_not_taken_for_one_of_its_name(database: Database) -> None:
    await database.run("CREATE SCHEMA a", "CREATE SCHEMA a.x", "CREATE TABLE a.x.t (b INTEGER)")
    assert await database.ask(lambda i: i.has_table("t", "x")) is False
    assert await database.ask(lambda i: i.has_schema("x")) is False
    assert await database.ask(lambda i: i.get_schema_names()) == ["a", "main"]


# --- names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "found"), [("Users", True), ("users", True), ("USERS", True), ("user", False)]
)
async def test_tables_are_found_as_the_engine_finds_them(database: Database, asked: str, found: bool) -> None:
    await database.run('CREATE TABLE "Users" (a INTEGER)')
    assert await database.ask(lambda i: i.has_table(asked)) is found


async def test_a_table_is_reflected_under_the_name_that_was_asked_for(database: Database) -> None:
    await database.run('CREATE TABLE "Users" (a INTEGER)')
    table = await database.connection.run_sync(lambda c: Table("users", MetaData(), autoload_with=c))
    assert (table.name, table.c.keys()) == ("users", ["a"])
    assert await database.ask(lambda i: i.get_table_names()) == ["Users"]


async def test_only_ascii_letters_are_folded(database: Database) -> None:
    await database.run('CREATE TABLE "É" (a INTEGER)', 'CREATE TABLE "é" (b INTEGER)')
    assert [found["name"] for found in await database.ask(lambda i: i.get_columns("é"))] == ["b"]


@pytest.mark.parametrize(
    "name", ["quote ' one", 'quote " two', "per % cent", "[x]", "a.b", "s; DROP TABLE t", ":names"]
)
async def test_names_with_signs(database: Database, name: str) -> None:
    table = Table(name, MetaData(), Column(name, Integer), Index(f"index {name}", name))
    await database.connection.run_sync(table.metadata.create_all)
    assert [found["name"] for found in await database.ask(lambda i: i.get_columns(name))] == [name]
    assert [found["column_names"] for found in await database.ask(lambda i: i.get_indexes(name))] == [[name]]


# --- temporary objects --------------------------------------------------------------------------------------


async def test_temporary_objects_are_listed_apart(database: Database) -> None:
    await database.run(
        "CREATE TABLE t (a INTEGER)",
        "CREATE TEMP TABLE tt (a INTEGER)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE TEMP VIEW tv AS SELECT 1",
    )
    assert await database.ask(lambda i: i.get_table_names()) == ["t"]
    assert await database.ask(lambda i: i.get_temp_table_names()) == ["tt"]
    assert await database.ask(lambda i: i.get_view_names()) == ["v"]
    assert await database.ask(lambda i: i.get_temp_view_names()) == ["tv"]


async def test_a_temporary_table_is_found_beside_the_current_schema_only(database: Database) -> None:
    await database.run("CREATE TEMP TABLE t (a INTEGER)", "CREATE SCHEMA s")
    assert await database.ask(lambda i: i.has_table("t")) is True
    assert await database.ask(lambda i: i.has_table("t", "main")) is False
    assert await database.ask(lambda i: i.has_table("t", "s")) is False
    assert await database.ask(lambda i: i.get_table_names("temp.main")) == ["t"]


async def test_a_temporary_table_hides_a_permanent_one(database: Database) -> None:
    """As it does in a query."""
    await database.run("CREATE TABLE t (a INTEGER PRIMARY KEY)", "CREATE TEMP TABLE t (b INTEGER)")
    assert [found["name"] for found in await database.ask(lambda i: i.get_columns("t"))] == ["b"]
    assert (await database.ask(lambda i: i.get_pk_constraint("t")))["constrained_columns"] == []
    assert [found["name"] for found in await database.ask(lambda i: i.get_columns("t", "main"))] == ["a"]


# --- many tables at once ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "scope", "names"),
    [
        (ObjectKind.TABLE, ObjectScope.DEFAULT, {"t"}),
        (ObjectKind.VIEW, ObjectScope.DEFAULT, {"v"}),
        (ObjectKind.ANY, ObjectScope.DEFAULT, {"t", "v"}),
        (ObjectKind.ANY, ObjectScope.TEMPORARY, {"tt"}),
        (ObjectKind.ANY, ObjectScope.ANY, {"t", "v", "tt"}),
        (ObjectKind.MATERIALIZED_VIEW, ObjectScope.ANY, set()),
    ],
)
@pytest.mark.parametrize(
    "method",
    [
        "get_multi_columns",
        "get_multi_pk_constraint",
        "get_multi_foreign_keys",
        "get_multi_unique_constraints",
        "get_multi_check_constraints",
        "get_multi_indexes",
        "get_multi_table_comment",
        "get_multi_table_options",
    ],
)
async def test_multi_answers_for_each_relation_of_the_kind(
    database: Database, method: str, kind: ObjectKind, scope: ObjectScope, names: set[str]
) -> None:
    await database.run(
        "CREATE TABLE t (a INTEGER)", "CREATE TEMP TABLE tt (a INTEGER)", "CREATE VIEW v AS SELECT 1"
    )
    found = await database.ask(lambda i: getattr(i, method)(kind=kind, scope=scope))
    assert set(found) == {(None, name) for name in names}


async def test_multi_is_one_statement(shared_engine: AsyncEngine, database: Database) -> None:
    await database.run(*(f"CREATE TABLE t{number} (a INTEGER UNIQUE)" for number in range(5)))
    statements: list[str] = []
    event.listen(
        shared_engine.sync_engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2])
    )
    found = await database.ask(lambda i: i.get_multi_unique_constraints())
    assert (len(found), len(statements)) == (5, 1)


async def test_multi_has_table(database: Database) -> None:
    await database.run("CREATE TABLE a (a INTEGER)", "CREATE VIEW b AS SELECT 1")
    found = await database.ask(lambda i: i.has_multi_table(["a", "b", "c"]))
    assert found == {(None, "a"): True, (None, "b"): True, (None, "c"): False}
    assert await database.ask(lambda i: i.has_multi_table([])) == {}


@pytest.mark.parametrize(
    "method",
    [
        "get_columns",
        "get_pk_constraint",
        "get_foreign_keys",
        "get_unique_constraints",
        "get_check_constraints",
        "get_indexes",
        "get_table_comment",
        "get_table_options",
    ],
)
async def test_a_table_that_does_not_exist(database: Database, method: str) -> None:
    with pytest.raises(NoSuchTableError, match="missing"):
        await database.ask(lambda i: getattr(i, method)("missing"))


async def test_an_inspector_remembers_until_it_is_told_to_forget(database: Database) -> None:
    def question(inspector: DuckDBInspector) -> list[bool]:
        before = inspector.has_table("t")
        inspector.bind.execute(text("CREATE TABLE t (a INTEGER)"))  # type: ignore[union-attr] # made of a connection
        remembered = inspector.has_table("t")
        inspector.clear_cache()
        return [before, remembered, inspector.has_table("t")]

    assert await database.ask(question) == [False, False, True]


# --- texts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(a)", "a"),
        ("((a > 1))", "a > 1"),
        ("(a) OR (b)", "(a) OR (b)"),
        ("(a = ')')", "a = ')'"),
        ("f(a)", "f(a)"),
        ("a", "a"),
    ],
)
def test_unwrapped(expression: str, expected: str) -> None:
    assert unwrapped(expression) == expected


def test_written_columns_leaves_out_what_the_catalog_tells() -> None:
    found = written_columns('CREATE TABLE "t("(a INTEGER, b VARCHAR COLLATE nocase, CHECK((a > 0)), );')
    assert {name: (written.expression, written.collation) for name, written in found.items()} == {
        "b": (None, "nocase")
    }
