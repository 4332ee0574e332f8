"""Show a plan on a page of HTML that needs no other file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import TYPE_CHECKING

from andamios_orm.queries.plans.drawing import svg
from andamios_orm.queries.plans.wording import duration, mismatch

if TYPE_CHECKING:
    from andamios_orm.queries.plans.plan import PlanNode, QueryPlan

__all__ = ["html"]

_STYLE = """
body{font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;color:#24292f;background:#f6f8fa;margin:0}
main{max-width:1280px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:26px;margin:0 0 16px}
dl{display:flex;flex-wrap:wrap;gap:12px;margin:0 0 24px}
dl div{background:#fff;border:1px solid #d0d7de;border-radius:8px;padding:10px 16px}
dt{font-size:12px;color:#57606a}
dd{margin:0;font-size:18px;font-weight:600}
figure{background:#fff;border:1px solid #d0d7de;border-radius:8px;margin:0 0 24px;overflow:auto}
figure svg{display:block;margin:0 auto}
table{border-collapse:collapse;width:100%;background:#fff;border:1px solid #d0d7de;border-radius:8px}
th,td{text-align:left;vertical-align:top;padding:8px 12px;border-top:1px solid #d8dee4}
th{font-size:12px;color:#57606a;border-top:0}
td.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
td code{font:13px ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.wrong{color:#b42318;font-size:12px}
""".strip()

_COLUMNS = ("operator", "rows", "expected", "time", "share", "row groups", "details")


def html(plan: QueryPlan, title: str, numbers: Mapping[str, str]) -> str:
    """Return the page.

    Args:
        plan: The plan.
        title: Its title.
        numbers: What is told of the whole plan, by name.
    """
    lines = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>",
        f"<h1>{escape(title)}</h1>\n<dl>",
        *(f"<div><dt>{escape(n)}</dt><dd>{escape(value)}</dd></div>" for n, value in numbers.items()),
        f"</dl>\n<figure>\n{svg(plan, title)}</figure>\n<table>",
        f"<tr>{''.join(f'<th>{name}</th>' for name in _COLUMNS)}</tr>",
        *_rows(plan, plan.root, 0),
        "</table>\n</main>\n</body>\n</html>",
    ]
    return "\n".join(lines) + "\n"


def _rows(plan: QueryPlan, node: PlanNode, depth: int) -> Iterator[str]:
    wrong = mismatch(node)
    numbers = (
        _number(node.rows),
        _number(node.estimated_rows) + (f'<br><span class="wrong">{wrong}</span>' if wrong else ""),
        "" if node.seconds is None else duration(node.seconds),
        f"{plan.share(node):.0%}" if plan.executed else "",
        f"{node.row_groups_read} of {node.row_groups}" if node.row_groups else "",
    )
    details = "<br>".join(
        f"{escape(name)}: <code>{escape(text)}</code>" for name, text in node.details.items() if text
    )
    yield (
        f'<tr><td style="padding-left:{12 + 16 * depth}px"><b>{escape(node.operator)}</b></td>'
        + "".join(f'<td class="number">{number}</td>' for number in numbers)
        + f"<td>{details}</td></tr>"
    )
    for child in node.children:
        yield from _rows(plan, child, depth + 1)


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
