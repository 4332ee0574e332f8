"""Where operators are drawn."""

from __future__ import annotations

from itertools import combinations

import pytest

from andamios_orm.queries.plans import PlanNode, QueryPlan
from andamios_orm.queries.plans.layout import Box, laid_out, text_width


def boxes(node: PlanNode) -> list[Box]:
    return laid_out(QueryPlan(node, executed=True), 10, 20).walk()


def apart(first: Box, second: Box) -> bool:
    beside = first.x + first.width <= second.x or second.x + second.width <= first.x
    return beside or first.y + first.height <= second.y or second.y + second.height <= first.y


WIDE = PlanNode("A", {"Table": "x" * 40})
TREES = [
    pytest.param(PlanNode("A"), id="one"),
    pytest.param(PlanNode("A", children=(PlanNode("B"), PlanNode("C"), PlanNode("D"))), id="many"),
    pytest.param(PlanNode("A", {"Table": "x" * 40}, children=(PlanNode("B"),)), id="wide parent"),
    pytest.param(
        PlanNode("A", children=(PlanNode("B", children=(WIDE, WIDE)), PlanNode("C", children=(WIDE,)))),
        id="wide children",
    ),
]


@pytest.mark.parametrize("tree", TREES)
def test_no_box_lies_over_another(tree: PlanNode) -> None:
    placed = boxes(tree)
    assert len(placed) == len(list(tree.walk()))
    assert all(apart(*pair) for pair in combinations(placed, 2))


@pytest.mark.parametrize("tree", TREES)
def test_nothing_is_left_of_or_above_the_origin(tree: PlanNode) -> None:
    assert (min(box.x for box in boxes(tree)), min(box.y for box in boxes(tree))) == (10, 20)


@pytest.mark.parametrize("tree", TREES)
def test_a_parent_stands_in_the_middle_above_its_children(tree: PlanNode) -> None:
    for box in boxes(tree):
        if box.children:
            ends = (box.children[0].middle, box.children[-1].middle)
            assert box.middle == pytest.approx(sum(ends) / 2)
            assert all(child.y > box.y + box.height for child in box.children)


def test_a_box_is_as_wide_as_its_longest_line() -> None:
    (box,) = boxes(PlanNode("A", {"Table": "x" * 30}))
    assert box.width > text_width("x" * 30)


def test_long_lines_are_cut() -> None:
    (box,) = boxes(PlanNode("A", {"Filters": "x\n" * 100}))
    assert box.notes == ["where x x x x x x x x x x x x x x x x x x x…"]


def test_east_asian_characters_are_wide() -> None:
    assert text_width("航班") == text_width("abcd")
