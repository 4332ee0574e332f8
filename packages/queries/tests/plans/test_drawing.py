"""Plans as pictures."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from andamios_orm.queries.plans import PlanNode, QueryPlan

NAME = "<b>&\"' ]]>"
COLD = PlanNode("SEQ_SCAN", {"Table": "t"}, 1000, 1000, 0.2, row_groups_read=1, row_groups=4)
HOT = PlanNode("SEQ_SCAN", {"Table": NAME}, 10, 2_000_000, 0.8)
PLAN = QueryPlan(PlanNode("HASH_JOIN", {}, 10, 10, 0.0, children=(COLD, HOT)), executed=True, seconds=1.0)
SVG = "{http://www.w3.org/2000/svg}"


def drawn(plan: QueryPlan, title: str = "Query plan") -> ElementTree.Element:
    return ElementTree.fromstring(plan.to_svg(title))


def texts(image: ElementTree.Element, kind: str) -> list[str | None]:
    return [each.text for each in image.iter(f"{SVG}text") if each.get("class") == kind]


def outlines(image: ElementTree.Element) -> list[ElementTree.Element]:
    return [each for each in image.iter(f"{SVG}rect") if each.get("rx") == "8"]


def test_it_shows_each_operator() -> None:
    assert texts(drawn(PLAN), "operator") == ["HASH_JOIN", "SEQ_SCAN", "SEQ_SCAN"]


def test_names_are_text_whatever_is_in_them() -> None:
    image = drawn(PLAN, NAME)
    assert texts(image, "title") == [NAME]
    assert texts(image, "note") == ["t", NAME]


def test_control_characters_are_replaced() -> None:
    assert texts(drawn(PLAN, "a\x00\x1bb"), "title") == ["a��b"]


def test_a_long_title_is_cut() -> None:
    image = drawn(PLAN, "x" * 300)
    assert texts(image, "title") == ["x" * 71 + "…"]
    assert image.get("aria-label") == "x" * 300


def test_edges_tell_the_rows_that_flow() -> None:
    assert texts(drawn(PLAN), "flow") == ["1,000", "2,000,000"]


def test_an_edge_is_wider_for_more_rows() -> None:
    few, many = (float(each.get("stroke-width", "")) for each in drawn(PLAN).iter(f"{SVG}path"))
    assert few < many


def test_the_hotter_the_operator_the_redder_its_box() -> None:
    colours = [each.get("fill", "") for each in outlines(drawn(PLAN))]
    greens = [int(colour[3:5], 16) for colour in colours]
    assert greens[0] > greens[1] > greens[2]


def test_a_wrong_estimate_has_a_red_frame_and_a_remark() -> None:
    image = drawn(PLAN)
    assert texts(image, "remark") == ["200,000 times the expected"]
    assert [each.get("stroke") == "#d1242f" for each in outlines(image)] == [False, False, True]


def test_the_details_are_in_a_tooltip() -> None:
    hints = [each.text for each in drawn(PLAN).iter(f"{SVG}title")]
    assert hints[1] == "SEQ_SCAN\nTable: t"


def test_nothing_lies_outside_of_the_picture() -> None:
    image = drawn(PLAN)
    width, height = float(image.get("width", "")), float(image.get("height", ""))
    for each in outlines(image):
        assert float(each.get("x", "")) + float(each.get("width", "")) <= width
        assert float(each.get("y", "")) + float(each.get("height", "")) <= height


def test_estimates_alone_are_marked_as_such() -> None:
    estimated = replace(COLD, rows=None, seconds=None)
    image = drawn(QueryPlan(PlanNode("FILTER", children=(estimated,))))
    assert texts(image, "flow") == ["~1,000"]
    assert texts(image, "legend") == ["Edges: rows that the optimizer expects. Nothing was executed."]


def test_an_edge_without_known_rows_has_no_label() -> None:
    image = drawn(QueryPlan(PlanNode("FILTER", children=(PlanNode("UNION"),))))
    assert texts(image, "flow") == []
    assert len(list(image.iter(f"{SVG}path"))) == 1


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_a_single_operator_is_a_plan(seconds: float) -> None:
    plan = QueryPlan(PlanNode("DUMMY_SCAN", {}, 1, 1, seconds), executed=True)
    assert texts(drawn(plan), "operator") == ["DUMMY_SCAN"]
