"""JSON documents and the paths into them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import types as sqltypes
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.elements import Null
from sqlalchemy.types import TypeEngine

from andamios_orm.core._types.literals import Processor, cast_processor, string_literal


def compact(document: object) -> str:
    """Return the JSON text of `document` as DuckDB writes it, so that equal documents are equal texts."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


class JSON(sqltypes.JSON[Any]):
    """JSON document: `dict`, `list`, `str`, number, `bool` or `None`.

    Index with a key, a position or a tuple of them, and end with `as_string()`, `as_integer()`, `as_float()`,
    `as_boolean()`, `as_numeric()` or `as_json()`. A comparison with a Python value compares documents as
    text, so the keys must have the same order. `None` is JSON's null unless `none_as_null` is set.
    """

    render_bind_cast = True

    def coerce_compared_value(self, op: object, value: object) -> TypeEngine[Any]:
        """Compare with a Python value as with a document."""
        return self

    def bind_processor(self, dialect: Dialect) -> Processor:
        """Serialize with the engine's `json_serializer`, or compactly."""
        serialize: Callable[[Any], str] = dialect._json_serializer or compact

        def process(value: object) -> str | None:
            if isinstance(value, Null) or (value is None and self.none_as_null):
                return None
            return serialize(None if value is self.NULL else value)

        return process

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Render a cast of the document's text."""
        serialize = self.bind_processor(dialect)
        render = cast_processor(self, dialect)

        def process(value: object) -> str:
            text = serialize(value)
            return "NULL" if text is None else render(text)

        return process


def _step(step: str | int) -> str:
    """Return one step of a JSON path: a quoted key, or a position, from the end if negative."""
    if isinstance(step, int):
        return f"[{step}]" if step >= 0 else f"[#{step}]"
    return '."' + step.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _pointer(step: str | int) -> str:
    """Return one step of a JSON pointer (RFC 6901)."""
    return "/" + str(step).replace("~", "~0").replace("/", "~1")


def json_path(steps: str | int | Sequence[str | int]) -> str:
    """Return the path of `steps` in DuckDB's syntax: a key that looks like a path is still a key.

    No path can name two keys, even quoted: ``*`` would be every key, an empty one an error. A pointer can.
    """
    given = [steps] if isinstance(steps, str | int) else steps
    return "".join(map(_pointer, given)) if {"*", ""} & set(given) else "$" + "".join(map(_step, given))


class JsonPathImplementation(sqltypes.JSON.JSONPathType):
    """Index into a JSON document, by key, position or path."""

    def bind_processor(self, dialect: Dialect) -> Processor:
        """Send the path's text."""
        return json_path

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str]:
        """Render the path as a string."""
        return lambda value: string_literal(json_path(value))


class JsonIndexImplementation(JsonPathImplementation, sqltypes.JSON.JSONIndexType):
    """Index into a JSON document by one key or position."""
