"""What a query plan is: a tree of operators, with what the engine expected and what it measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from andamios_orm.queries.plans.drawing import svg
from andamios_orm.queries.plans.page import html
from andamios_orm.queries.plans.wording import heading, summary, tree_lines

__all__ = ["PlanNode", "QueryPlan"]


@dataclass(frozen=True)
class PlanNode:
    """One operator of a plan. What the engine does not tell is None.

    Attributes:
        operator: Its name, such as ``HASH_JOIN`` or ``SEQ_SCAN``.
        details: What else the engine says about it, as text, by name: conditions, columns, filters.
        estimated_rows: How many rows the optimizer expected of it.
        rows: How many rows it gave, where the query was executed.
        seconds: How long it worked, summed up over all threads.
        rows_scanned: How many rows of a table it looked at.
        row_groups_read: How many row groups of its table or its files it read.
        row_groups: How many there are.
        files_read: How many files it read.
        children: The operators that give it their rows.
    """

    operator: str
    details: Mapping[str, str] = field(default_factory=dict)
    estimated_rows: int | None = None
    rows: int | None = None
    seconds: float | None = None
    rows_scanned: int | None = None
    row_groups_read: int | None = None
    row_groups: int | None = None
    files_read: int | None = None
    children: tuple[PlanNode, ...] = ()

    @property
    def table(self) -> str | None:
        """The table that it scans, with its database and schema; None of another operator."""
        return self.details.get("Table")

    @property
    def share_read(self) -> float | None:
        """The share of the row groups that were read, from 0 to 1."""
        return None if not self.row_groups else (self.row_groups_read or 0) / self.row_groups

    @property
    def misestimate(self) -> float | None:
        """How many times the expected rows there were, where no rows count as one."""
        if self.rows is None or self.estimated_rows is None:
            return None
        return max(self.rows, 1) / max(self.estimated_rows, 1)

    def walk(self) -> Iterator[PlanNode]:
        """Give this operator, and then those below it, from left to right."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True)
class QueryPlan:
    """A plan; ``str()`` is an indented tree.

    Attributes:
        root: The operator that gives the result.
        executed: Whether the query was executed, so that there are measurements.
        seconds: How long it took.
        bytes_read: How many bytes were read from files.
        peak_memory: How many bytes of memory its buffers took at their peak.
        spilled_bytes: How many bytes lay in temporary files at their peak, because memory was short.
    """

    root: PlanNode
    executed: bool = False
    seconds: float | None = None
    bytes_read: int | None = None
    peak_memory: int | None = None
    spilled_bytes: int | None = None

    @property
    def rows(self) -> int | None:
        """How many rows the query gave; None where it was not executed."""
        return self.root.rows

    @property
    def estimated_rows(self) -> int | None:
        """How many rows the optimizer expected; None where it does not tell."""
        return self.root.estimated_rows

    @property
    def work_seconds(self) -> float:
        """How long all operators worked, summed up over all threads."""
        return math.fsum(node.seconds or 0 for node in self.walk())

    def walk(self) -> Iterator[PlanNode]:
        """Give all operators, each before those below it."""
        return self.root.walk()

    def share(self, node: PlanNode) -> float:
        """Return the share of the work that an operator did, from 0 to 1."""
        return min((node.seconds or 0) / (self.work_seconds or 1), 1)

    def __str__(self) -> str:
        return "\n".join([heading(self), *tree_lines(self)])

    def to_svg(self, title: str = "Query plan") -> str:
        """Draw the plan: the hotter a box, the more of the work was done there.

        Args:
            title: What stands above it.

        Returns:
            An SVG image.
        """
        return svg(self, title)

    def to_html(self, title: str = "Query plan") -> str:
        """Return a page that needs no other file: the drawing, and a table of all that is known.

        Args:
            title: What stands above it.
        """
        return html(self, title, summary(self))
