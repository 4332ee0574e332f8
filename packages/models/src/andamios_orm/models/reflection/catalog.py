"""What a database has: its tables and views, read through SQLAlchemy's inspector."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from sqlalchemy import Connection, Inspector, inspect, text
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import (
    ReflectedCheckConstraint,
    ReflectedColumn,
    ReflectedForeignKeyConstraint,
    ReflectedIndex,
    ReflectedUniqueConstraint,
)
from sqlalchemy.engine.reflection import ObjectKind

from andamios_orm.core.errors import ConfigurationError

__all__ = ["Catalog", "Relation", "read_catalog"]

Watch = Callable[[Sequence[Any]], Iterable[Any]]
"""What goes through a list and may show how far it has come."""

_Thing = TypeVar("_Thing")

_QUESTIONS = {
    "columns": ObjectKind.ANY,
    "pk_constraint": ObjectKind.TABLE,
    "foreign_keys": ObjectKind.TABLE,
    "unique_constraints": ObjectKind.TABLE,
    "check_constraints": ObjectKind.TABLE,
    "indexes": ObjectKind.TABLE,
    "table_comment": ObjectKind.ANY,
}
"""What is asked about relations, each of all at once, and about which kind of them."""

# Once it has been drawn from, the start of a sequence is where it stands.
_SEQUENCES = text(
    "SELECT schema_name, sequence_name, if(last_value IS NULL, start_value, NULL) AS start, "
    "increment_by AS increment, min_value AS minvalue, max_value AS maxvalue, cycle "
    "FROM duckdb_sequences() WHERE database_name = current_database()"
)


@dataclass(frozen=True)
class Relation:
    """A table or a view.

    Attributes:
        schema: Its schema; None for the one that the database takes by itself.
        name: Its name.
        columns: Its columns, as SQLAlchemy's inspector tells of them, and so all others.
        key: The columns of its primary key.
        foreign_keys: What it refers to.
        unique_constraints: What is unique by a constraint.
        check_constraints: What is checked.
        indexes: Its indexes.
        comment: What is said about it.
        definition: Of a view, the statement or the query that it was made by; None for a table.
    """

    schema: str | None
    name: str
    columns: Sequence[ReflectedColumn]
    key: Sequence[str]
    foreign_keys: Sequence[ReflectedForeignKeyConstraint]
    unique_constraints: Sequence[ReflectedUniqueConstraint]
    check_constraints: Sequence[ReflectedCheckConstraint]
    indexes: Sequence[ReflectedIndex]
    comment: str | None
    definition: str | None

    @property
    def full_name(self) -> str:
        """Its name, with its schema where it has one."""
        return self.name if self.schema is None else f"{self.schema}.{self.name}"


@dataclass(frozen=True)
class Catalog:
    """A part of a database.

    Attributes:
        dialect: The dialect of its engine.
        default_schema: The schema that the database takes by itself.
        relations: The tables and views, those of one schema after the other.
        enums: The name of an enumeration, by its schema and its labels.
        sequences: The options of sequences, by their schema and name; those of DuckDB alone. The start is
            None of one that has been used.
    """

    dialect: Dialect
    default_schema: str | None
    relations: Sequence[Relation]
    enums: Mapping[tuple[str | None, tuple[str, ...]], str]
    sequences: Mapping[tuple[str | None, str], Mapping[str, Any]]


def read_catalog(
    connection: Connection, *, schemas: Sequence[str] = (), tables: Sequence[str] = (), watch: Watch = iter
) -> Catalog:
    """Read tables and views; nothing is changed.

    Args:
        connection: Where.
        schemas: Patterns of the schemas that are read, such as ``"*"``; without any, it is the default one.
        tables: Patterns of the tables and views that are read, with or without their schema; all by default.
        watch: Goes through the questions that are put to the database.

    Raises:
        ConfigurationError: There is no table, or none that fits a pattern.
    """
    inspector = inspect(connection)
    names = {
        schema: [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        for schema in _schemas(inspector, schemas)
    }
    chosen = _chosen(names, tables)
    if not any(chosen.values()):
        raise ConfigurationError(_nothing(inspector, schemas))
    answers = _answers(inspector, chosen, watch)
    return Catalog(
        connection.dialect,
        inspector.default_schema_name,
        [
            relation
            for schema in chosen
            for relation in _relations(inspector, schema, chosen[schema], answers)
        ],
        dict(_enums(inspector, {None, *chosen})),
        dict(_sequences(connection, inspector.default_schema_name)),
    )


def _schemas(inspector: Inspector, patterns: Sequence[str]) -> list[str | None]:
    if not patterns:
        return [None]
    spelt = {name: (name,) for name in inspector.get_schema_names() if name != "information_schema"}
    found = _fitting("schema", spelt, patterns)
    return [None if name == inspector.default_schema_name else name for name in found]


def _chosen(names: Mapping[str | None, list[str]], patterns: Sequence[str]) -> dict[str | None, list[str]]:
    spelt = {(schema, name): (_full_name(schema, name), name) for schema in names for name in names[schema]}
    found = _fitting("table or view", spelt, patterns) if patterns else spelt
    return {schema: [name for place, name in found if place == schema] for schema in names}


def _fitting(kind: str, spelt: Mapping[_Thing, Sequence[str]], patterns: Sequence[str]) -> list[_Thing]:
    """Return what fits one of the patterns in one of its spellings; each pattern has to fit something."""
    fitting: set[_Thing] = set()
    for pattern in patterns:
        found = {thing for thing, texts in spelt.items() if any(fnmatchcase(text, pattern) for text in texts)}
        if not found:
            known = ", ".join(sorted(texts[0] for texts in spelt.values())) or "none"
            raise ConfigurationError(f"there is no {kind} {pattern!r}; there are {known}")
        fitting |= found
    return [thing for thing in spelt if thing in fitting]


def _full_name(schema: str | None, name: str) -> str:
    return name if schema is None else f"{schema}.{name}"


def _nothing(inspector: Inspector, patterns: Sequence[str]) -> str:
    where = f"in the schema {', '.join(patterns)}" if patterns else "in the database"
    others = [name for name in inspector.get_schema_names() if name != inspector.default_schema_name]
    choose = f"; --schema chooses another one: {', '.join(others)}" if others and not patterns else ""
    return f"there is no table and no view {where}{choose}"


def _answers(
    inspector: Inspector, names: Mapping[str | None, list[str]], watch: Watch
) -> dict[str, dict[tuple[str | None, str], Any]]:
    answers: dict[str, dict[Any, Any]] = {question: {} for question in _QUESTIONS}
    for schema, question in watch([(schema, question) for schema in names for question in _QUESTIONS]):
        if names[schema] and (question != "table_comment" or inspector.dialect.supports_comments):
            ask = getattr(inspector, f"get_multi_{question}")
            kind = _QUESTIONS[question]
            answers[question] |= ask(schema=schema, filter_names=names[schema], kind=kind)
    return answers


def _relations(
    inspector: Inspector, schema: str | None, names: Sequence[str], answers: Mapping[str, Mapping[Any, Any]]
) -> Iterator[Relation]:
    views = set(inspector.get_view_names(schema))
    for name in sorted(names):
        found: dict[str, Any] = {name_: answers[name_].get((schema, name)) or {} for name_ in _QUESTIONS}
        yield Relation(
            schema,
            name,
            columns=found["columns"],
            key=found["pk_constraint"].get("constrained_columns", ()),
            foreign_keys=found["foreign_keys"] or (),
            unique_constraints=found["unique_constraints"] or (),
            check_constraints=found["check_constraints"] or (),
            indexes=found["indexes"] or (),
            comment=found["table_comment"].get("text"),
            definition=inspector.get_view_definition(name, schema) if name in views else None,
        )


def _enums(
    inspector: Inspector, schemas: Iterable[str | None]
) -> Iterator[tuple[tuple[str | None, tuple[str, ...]], str]]:
    # PostgreSQL and DuckDB have types of a name; SQLAlchemy has no question for others.
    ask: Any = getattr(inspector, "get_enums", None)
    for schema in schemas if ask else ():
        for enum in reversed(ask(schema)):
            yield (schema, tuple(enum["labels"])), enum["name"]


def _sequences(
    connection: Connection, default_schema: str | None
) -> Iterator[tuple[tuple[str | None, str], dict[str, Any]]]:
    if connection.dialect.name == "duckdb":
        for row in connection.execute(_SEQUENCES).mappings():
            options: dict[str, Any] = {str(key): value for key, value in row.items()}
            schema, name = options.pop("schema_name"), options.pop("sequence_name")
            yield (None if schema == default_schema else schema, name), options
