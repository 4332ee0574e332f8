"""Draw a plan as SVG: boxes coloured by their share of the work, edges as wide as the rows that flow."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING

from andamios_orm.queries.plans.layout import LINE, PADDING, Box, laid_out, text_width
from andamios_orm.queries.plans.wording import summary

if TYPE_CHECKING:
    from andamios_orm.queries.plans.plan import QueryPlan

__all__ = ["svg"]

_MARGIN = 32
_TOP = 96
_BOTTOM = 56
_LONGEST = 72

_HEAT = ((0.0, (246, 248, 250)), (0.25, (255, 243, 205)), (0.6, (255, 205, 150)), (1.0, (248, 150, 130)))
"""Colours of a box by its share of the work, from cold to hot."""

_STYLE = """
text{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#24292f}
.title{font:600 20px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif}
.summary,.legend{font:13px system-ui,-apple-system,"Segoe UI","DejaVu Sans",sans-serif;fill:#57606a}
.operator{font-size:13.5px;font-weight:700}
.note{fill:#57606a}
.remark{fill:#b42318;font-weight:700}
.edge{fill:none;stroke:#8c959f;stroke-linecap:round}
.flow{fill:#424a53}
.behind{fill:#fff}
""".strip()


def svg(plan: QueryPlan, title: str) -> str:
    """Return a plan as an SVG image.

    Args:
        plan: The plan.
        title: What stands above it.
    """
    short = title if len(title) <= _LONGEST else f"{title[: _LONGEST - 1]}…"
    told = " · ".join(f"{name}: {value}" for name, value in summary(plan).items())
    head = max(text_width(told, 1.02), text_width(short, 1.6), 460)
    tree = laid_out(plan, 0, 0).right
    boxes = laid_out(plan, _MARGIN + max(head - tree, 0) / 2, _TOP).walk()
    width = max(head, tree) + 2 * _MARGIN
    height = max(box.y + box.height for box in boxes) + _BOTTOM
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{_text(title)}">',
        f"<style>{_STYLE}</style>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        f'<text class="title" x="{_MARGIN}" y="44">{_text(short)}</text>',
        f'<text class="summary" x="{_MARGIN}" y="68">{_text(told)}</text>',
        *(line for box in boxes for line in _edges(box)),
        *(line for box in boxes for line in _box(box, executed=plan.executed)),
        *_legend(height - 22, executed=plan.executed),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _edges(parent: Box) -> Iterator[str]:
    start = parent.y + parent.height
    for child in parent.children:
        bend = (child.y - start) * 0.5
        rows = child.node.estimated_rows if child.node.rows is None else child.node.rows
        thick = 1.5 if rows is None else min(1.5 + math.log10(rows + 1), 10)
        yield (
            f'<path class="edge" stroke-width="{thick:.1f}" d="M{child.middle:.1f} {child.y:.1f} '
            f"C{child.middle:.1f} {child.y - bend:.1f} {parent.middle:.1f} {start + bend:.1f} "
            f'{parent.middle:.1f} {start:.1f}"/>'
        )
        if rows is not None:
            # Near the child, where no two edges meet.
            label = f"{'~' if child.node.rows is None else ''}{rows:,}"
            half = text_width(label) / 2 + 5
            yield (
                f'<rect class="behind" x="{child.middle - half:.1f}" y="{child.y - 25:.1f}" rx="4" '
                f'width="{2 * half:.1f}" height="17"/>'
            )
            yield _line("flow", child.middle, child.y - 12, label, ' text-anchor="middle"')


def _box(box: Box, *, executed: bool) -> Iterator[str]:
    wrong = box.remark is not None
    yield f"<g><title>{_text(_everything(box))}</title>"
    yield (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="8" '
        f'fill="{_colour(box.share)}" stroke="{"#d1242f" if wrong else "#afb8c1"}" '
        f'stroke-width="{2 if wrong else 1}"/>'
    )
    texts = [("operator", box.node.operator)]
    texts += [("note", line) for line in box.notes] + [("number", line) for line in box.numbers]
    texts += [("remark", box.remark)] if box.remark else []
    for index, (kind, line) in enumerate(texts, 1):
        yield _line(kind, box.x + PADDING, box.y + PADDING - 5 + LINE * index, line)
    if executed:
        yield from _bar(box)
    yield "</g>"


def _bar(box: Box) -> Iterator[str]:
    full = box.width - 2 * PADDING
    place = f'x="{box.x + PADDING:.1f}" y="{box.y + box.height - 14:.1f}" height="5" rx="2.5"'
    yield f'<rect {place} width="{full:.1f}" fill="#000000" fill-opacity="0.08"/>'
    if box.share >= 0.005:
        yield f'<rect {place} width="{max(full * box.share, 5):.1f}" fill="#cf222e" fill-opacity="0.75"/>'


def _legend(y: float, *, executed: bool) -> Iterator[str]:
    if not executed:
        yield _line("legend", _MARGIN, y, "Edges: rows that the optimizer expects. Nothing was executed.")
        return
    for step in range(24):
        place = f'x="{_MARGIN + 5 * step}" y="{y - 11:.1f}" width="5.5" height="13"'
        yield f'<rect {place} fill="{_colour(step / 23)}"/>'
    yield _line("legend", _MARGIN + 130, y, "share of the work, 0 to 100 %")
    yield (
        f'<rect x="{_MARGIN + 340}" y="{y - 11:.1f}" width="13" height="13" rx="3" fill="none" '
        'stroke="#d1242f" stroke-width="2"/>'
    )
    yield _line("legend", _MARGIN + 360, y, "estimate off")


def _line(kind: str, x: float, y: float, text: str, more: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{more}>{_text(text)}</text>'


def _everything(box: Box) -> str:
    return "\n".join([box.node.operator, *(f"{name}: {text}" for name, text in box.node.details.items())])


def _text(text: str) -> str:
    # XML has no place for control characters, not even escaped.
    return escape("".join(each if each.isprintable() or each == "\n" else "�" for each in text))


def _colour(share: float) -> str:
    (low, cold), (high, hot) = next(pair for pair in pairwise(_HEAT) if share <= pair[1][0])
    part = (share - low) / (high - low)
    return "#" + "".join(f"{round(c + (h - c) * part):02x}" for c, h in zip(cold, hot, strict=True))
