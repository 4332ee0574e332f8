"""Expressions of Python, laid out as Ruff's formatter lays them out at its default width.

What fits stands in one line. What does not has one item a line, each with a comma behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

__all__ = [
    "WIDTH",
    "Group",
    "Node",
    "Text",
    "call",
    "keyword",
    "laid_out",
    "literal",
    "mapping",
    "tuple_of",
]

WIDTH = 88
"""Columns of a line."""

_INDENT = " " * 4

_WORD = re.compile(r"\s*\S+\s*|\s+")


@dataclass(frozen=True)
class Text:
    """A text; where it does not fit it is split at its spaces, in parentheses.

    Attributes:
        value: The text.
        prefix: What stands before it, such as ``comment=``.
        function: What is called with it.
    """

    value: str
    prefix: str = ""
    function: str = ""


@dataclass(frozen=True)
class Group:
    """Expressions with commas between them, and the brackets around them."""

    opening: str
    items: tuple[Node, ...]
    closing: str = ")"


Node: TypeAlias = str | Text | Group
"""An expression; a `str` is one that is never split."""


class _Parts(NamedTuple):
    """An expression in several lines."""

    opening: str
    items: list[Node]
    separator: str
    closing: str


def call(name: str, *items: Node) -> Node:
    """Return a call."""
    match items:
        case (Text(prefix="", function="") as text,):
            return replace(text, function=name)
    return Group(f"{name}(", items)


def keyword(name: str, node: Node) -> Node:
    """Return an argument with its name."""
    return _prefixed(f"{name}=", node)


def mapping(nodes: Mapping[str, Node]) -> Node:
    """Return a dict."""
    items = (_prefixed(f"{_quoted(key)}: ", node) for key, node in nodes.items())
    return Group("{", tuple(items), "}")


def tuple_of(*items: Node) -> Node:
    """Return a tuple."""
    # One item keeps its comma.
    return Group("(", items, ",)" if len(items) == 1 else ")")


def literal(value: Any) -> Node:
    """Return the literal of a text, a number, or a list, a tuple or a mapping of such.

    Raises:
        ValueError: There is none.
    """
    if isinstance(value, str):
        return Text(value)
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    if isinstance(value, Mapping):
        return mapping({key: literal(of) for key, of in value.items()})
    if isinstance(value, list):
        return Group("[", tuple(map(literal, value)), "]")
    if isinstance(value, tuple):
        return tuple_of(*map(literal, value))
    raise ValueError(f"{value!r} has no literal")


def laid_out(node: Node, before: str = "", after: str = "", indent: int = 0) -> Iterator[str]:
    """Give the lines of an expression.

    Args:
        node: The expression.
        before: What stands before it, in its first line.
        after: What stands behind it, in its last line.
        indent: How many steps it is indented.
    """
    margin = _INDENT * indent
    line = f"{margin}{before}{_flat(node)}{after}"
    parts = _split(node, WIDTH - len(margin) - len(_INDENT)) if len(line) > WIDTH else None
    if parts is None:
        yield line
        return
    opening = f"{margin}{before}{parts.opening}"
    if before and len(opening) > WIDTH:
        yield f"{margin}{before}("
        yield from laid_out(node, indent=indent + 1)
        yield f"{margin}){after}"
        return
    yield opening
    for item in parts.items:
        yield from laid_out(item, after=parts.separator, indent=indent + 1)
    yield f"{margin}{parts.closing}{after}"


def attribute(name: str, annotation: str, node: Node | None) -> Iterator[str]:
    """Give the lines of an attribute of a model.

    Args:
        name: The attribute.
        annotation: The type of its values.
        node: What it is set to, if anything.
    """
    before = f"{name}: Mapped[{annotation}]"
    equals = "" if node is None else " = "
    if len(f"{_INDENT}{before}{equals}(") > WIDTH:
        yield f"{_INDENT}{name}: Mapped["
        yield f"{_INDENT}{_INDENT}{annotation}"
        before = "]"
    yield from laid_out(node or "", f"{before}{equals}", indent=1)


def _prefixed(prefix: str, node: Node) -> Node:
    if isinstance(node, Text):
        return replace(node, prefix=f"{prefix}{node.prefix}")
    if isinstance(node, Group):
        return replace(node, opening=f"{prefix}{node.opening}")
    return f"{prefix}{node}"


def _flat(node: Node) -> str:
    match node:
        case Text(value, prefix, ""):
            return f"{prefix}{_quoted(value)}"
        case Text(value, prefix, function):
            return f"{prefix}{function}({_quoted(value)})"
        case Group(opening, items, closing):
            return f"{opening}{', '.join(map(_flat, items))}{closing}"
        case _:
            return node


def _split(node: Node, width: int) -> _Parts | None:
    match node:
        case Text(value, prefix, function):
            return _Parts(f"{prefix}{function}(", [*_pieces(value, width)], "", ")")
        case Group(opening, items, closing) if items:
            return _Parts(opening, [*items], ",", closing.removeprefix(","))
        case _:
            return None


def _pieces(text: str, width: int) -> Iterator[str]:
    """Split a text into literals of that width, where there are spaces to do so."""
    piece = ""
    for word in _WORD.findall(text) if len(_quoted(text)) > width else [text]:
        if piece and len(_quoted(piece + word)) > width:
            yield _quoted(piece)
            piece = ""
        piece += word
    yield _quoted(piece)


def _quoted(text: str) -> str:
    """Return the literal of a text, in the quotes that need the fewest escapes."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    signs = (sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)
    escaped = "".join(f"\\{sign}" if sign in ("\\", quote) else sign for sign in signs)
    return f"{quote}{escaped}{quote}"
