"""Give the operators of a plan their places in a drawing: above their children, and no box over another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from unicodedata import east_asian_width

from andamios_orm.queries.plans.wording import about, facts, mismatch

if TYPE_CHECKING:
    from andamios_orm.queries.plans.plan import PlanNode, QueryPlan

__all__ = ["CHARACTER", "LINE", "PADDING", "Box", "laid_out", "text_width"]

CHARACTER = 7.25
"""How wide a character of the text is."""

LINE = 18
"""How high a line of it is."""

PADDING = 12
_BETWEEN = 28
_EDGE = 54
_LONGEST = 44
_LEAST_WIDTH = 170.0


@dataclass(frozen=True)
class Box:
    """The place of an operator, in pixels; its children hang below it.

    Attributes:
        node: The operator.
        share: Its share of the work.
        notes: Lines about what it works on, short enough.
        numbers: Lines with its numbers.
        remark: How wrong the estimate was, where it was.
        x: Its left edge.
        y: Its upper edge.
        width: Its width.
        height: Its height.
        children: The boxes below.
    """

    node: PlanNode
    share: float
    notes: Sequence[str]
    numbers: Sequence[str]
    remark: str | None
    x: float
    y: float
    width: float
    height: float
    children: tuple[Box, ...]

    @property
    def middle(self) -> float:
        """Where its edges begin and end."""
        return self.x + self.width / 2

    @property
    def right(self) -> float:
        """The right edge of this box and of those below it."""
        return max(box.x + box.width for box in self.walk())

    def walk(self) -> list[Box]:
        """Return this box and those below it."""
        return [self, *(box for child in self.children for box in child.walk())]


def laid_out(plan: QueryPlan, x: float, y: float) -> Box:
    """Return the boxes of a plan, the leftmost at ``x`` and the highest at ``y``."""
    return _placed(plan, plan.root, x, y)


def text_width(text: str, factor: float = 1.0) -> float:
    """Return how wide a text is in the drawing; East Asian characters take two places."""
    return CHARACTER * factor * sum(2 if east_asian_width(each) in "WF" else 1 for each in text)


def _placed(plan: QueryPlan, node: PlanNode, x: float, y: float) -> Box:
    share = plan.share(node)
    notes = [_short(text) for text in about(node)[:3]]
    numbers, remark = facts(node, share), mismatch(node)
    lines = [node.operator, *notes, *numbers, *([remark] if remark else [])]
    width = max(_LEAST_WIDTH, *(text_width(line, 1.15 if line is node.operator else 1) for line in lines))
    width += 2 * PADDING
    height = LINE * len(lines) + 2 * PADDING + (10 if plan.executed else 2)
    children = _row(plan, node.children, x, y + height + _EDGE)
    if children:
        middle = (children[0].middle + children[-1].middle) / 2
        left = middle - width / 2
        if left < x:
            # A wide box moves what hangs below it.
            children = _row(plan, node.children, x + (x - left), y + height + _EDGE)
            left = x
        x = left
    return Box(node, share, notes, numbers, remark, x, y, width, height, children)


def _row(plan: QueryPlan, nodes: Sequence[PlanNode], x: float, y: float) -> tuple[Box, ...]:
    boxes: list[Box] = []
    for node in nodes:
        boxes.append(_placed(plan, node, x, y))
        x = boxes[-1].right + _BETWEEN
    return tuple(boxes)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
