"""Plans as pages."""

from __future__ import annotations

from html.parser import HTMLParser

from andamios_orm.queries.plans import PlanNode, QueryPlan

NAME = '<script>alert("&")</script>\''
SCAN = PlanNode("SEQ_SCAN", {"Table": NAME, "Filters": ""}, 10, 2000, 0.9, 3, 1, 4)
PLAN = QueryPlan(PlanNode("FILTER", {}, 10, 10, 0.1, children=(SCAN,)), executed=True, seconds=1.0)


class Page(HTMLParser):
    """The tags of a page, and the cells of its table."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str | None] = []
        self.cells: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in {"src", "href"}]
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells and data.strip():
            self.cells[-1] += data.strip()


def test_it_is_one_page_with_the_drawing_in_it() -> None:
    page = Page(PLAN.to_html())
    assert [page.tags.count(tag) for tag in ("html", "h1", "svg", "table", "tr")] == [1, 1, 1, 1, 3]


def test_it_needs_no_other_file_and_runs_nothing() -> None:
    page = Page(PLAN.to_html(NAME))
    assert page.sources == []
    assert "script" not in page.tags


def test_the_table_tells_all_that_is_known() -> None:
    cells = Page(PLAN.to_html()).cells
    assert cells[7:13] == ["SEQ_SCAN", "2,000", "10200 times the expected", "900 ms", "90%", "1 of 4"]
    assert cells[13] == f"Table:{NAME}"


def test_the_title_is_text() -> None:
    assert "&lt;script&gt;" in PLAN.to_html(NAME)
    assert "<script" not in PLAN.to_html(NAME)


def test_estimates_alone_leave_the_other_cells_empty() -> None:
    cells = Page(QueryPlan(PlanNode("DUMMY_SCAN", {}, 1)).to_html()).cells
    assert cells == ["DUMMY_SCAN", "", "1", "", "", "", ""]
