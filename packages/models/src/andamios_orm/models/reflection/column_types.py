"""Types of columns, as expressions and as annotations of a module.

The representation of a type is the expression that makes it: SQLAlchemy keeps to that, and so does core.
"""

from __future__ import annotations

import ast
import datetime as dt
import uuid
from decimal import Decimal
from importlib import import_module
from typing import Any

import sqlalchemy
from sqlalchemy import types as sqltypes
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import CompileError
from sqlalchemy.types import TypeEngine

from andamios_orm.core.types import LIST, MAP, STRUCT
from andamios_orm.models.reflection.imports import Imports
from andamios_orm.models.reflection.layout import Node, call, keyword, literal, mapping

__all__ = ["annotation", "expression", "is_implied", "is_known"]

_OWN = "andamios_orm.models.types"

_IMPLIED: dict[str, TypeEngine[Any]] = {
    "bool": sqltypes.Boolean(),
    "bytes": sqltypes.LargeBinary(),
    "dt.date": sqltypes.Date(),
    "dt.datetime": sqltypes.DateTime(),
    "dt.time": sqltypes.Time(),
    "dt.timedelta": sqltypes.Interval(),
    "float": sqltypes.Float(),
    "int": sqltypes.Integer(),
    "str": sqltypes.String(),
    "UUID": sqltypes.Uuid(),
}
"""What SQLAlchemy makes of an annotation alone."""

_GENERIC = {"UUID": "Uuid"}
"""What stands for a type whose name the Python type of its values has as well."""


def is_known(type_: TypeEngine[Any], dialect: Dialect) -> bool:
    """Tell whether there is an expression that makes a type."""
    try:
        expression(type_, dialect, Imports())
    except (SyntaxError, ValueError):
        return False
    return not isinstance(type_, sqltypes.NullType)


def is_implied(type_: TypeEngine[Any], annotated: str, dialect: Dialect) -> bool:
    """Tell whether an annotation alone makes the same type."""
    implied = _IMPLIED.get(annotated)
    return implied is not None and _ddl(implied, dialect) == _ddl(type_, dialect)


def _ddl(type_: TypeEngine[Any], dialect: Dialect) -> str | None:
    try:
        return dialect.type_compiler_instance.process(type_)
    except CompileError:  # MySQL's VARCHAR needs a length
        return None


def annotation(type_: TypeEngine[Any], imports: Imports) -> str:
    """Return the Python type of the values, as an annotation names it."""
    if isinstance(type_, sqltypes.ARRAY):
        item = type_.element_type if isinstance(type_, LIST) else type_.item_type
        return f"list[{annotation(item, imports)}]"
    if isinstance(type_, MAP):
        return f"dict[{annotation(type_.key_type, imports)}, {annotation(type_.value_type, imports)}]"
    if isinstance(type_, STRUCT):
        return f"dict[str, {imports.name('typing', 'Any')}]"
    return _scalar(type_, imports)


def _scalar(type_: TypeEngine[Any], imports: Imports) -> str:
    kind: Any = type_.python_type
    if kind in (bool, bytes, float, int, str):
        return str(kind.__name__)
    if kind in (dt.date, dt.datetime, dt.time, dt.timedelta):
        return f"{imports.module('datetime', 'dt')}.{kind.__name__}"
    if kind in (Decimal, uuid.UUID):
        return imports.name(kind.__module__, kind.__name__)
    return imports.name("typing", "Any")


def expression(type_: TypeEngine[Any], dialect: Dialect, imports: Imports) -> Node:
    """Return the expression that makes a type, and import what stands in it.

    Raises:
        ValueError: There is none.
    """
    return _node(ast.parse(repr(type_), mode="eval").body, dialect, imports)


def _node(tree: ast.expr, dialect: Dialect, imports: Imports) -> Node:
    match tree:
        case ast.Call(ast.Name(called), arguments, keywords):
            name = _GENERIC.get(called, called)
            imports.name(_module(name, dialect), name)
            items = [_node(argument, dialect, imports) for argument in arguments]
            items += [keyword(str(named.arg), _instance(named.value, dialect, imports)) for named in keywords]
            return call(name, *items) if items else name
        case ast.Dict(keys, values):
            names = [ast.literal_eval(key) for key in keys if key is not None]
            nodes = [_node(value, dialect, imports) for value in values]
            return mapping(dict(zip(names, nodes, strict=True)))
        case _:
            return literal(ast.literal_eval(tree))


def _instance(tree: ast.expr, dialect: Dialect, imports: Imports) -> Node:
    node = _node(tree, dialect, imports)
    # Where a type is an option, the class alone would not do.
    return f"{node}()" if isinstance(tree, ast.Call) and isinstance(node, str) else node


def _module(name: str, dialect: Dialect) -> str:
    """Return the module to import a type from: SQLAlchemy's own, where it is the same."""
    package = _OWN if dialect.name == "duckdb" else type(dialect).__module__.rpartition(".")[0]
    for module in (package, "sqlalchemy", "sqlalchemy.types"):
        found = getattr(import_module(module), name, None)
        if found is not None:
            return "sqlalchemy" if found is getattr(sqlalchemy, name, None) else module
    raise ValueError(f"{name} is no type that can be imported")
