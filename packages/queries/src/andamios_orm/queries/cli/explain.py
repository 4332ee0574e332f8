"""Show from the command line how DuckDB executes a query."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import duckdb
import typer
from rich.text import Text
from rich.tree import Tree
from sqlalchemy import text

from andamios_orm.core import AndamiosEngine, run
from andamios_orm.core.cli.console import complain, output, plain
from andamios_orm.core.cli.target import QueryWords, database_file, opened, target, url_and_query
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.plans.optimizer import QueryOptimizer
from andamios_orm.queries.plans.plan import PlanNode, QueryPlan
from andamios_orm.queries.plans.wording import about, facts, heading, mismatch

__all__ = ["Format", "explain"]


class Format(StrEnum):
    """How a plan is shown."""

    TREE = "tree"
    JSON = "json"


_COLOURS = ((0.5, "bold red"), (0.2, "yellow"), (0.05, "green"))
"""Colours of an operator, from the share of the work from which on they are its own."""


def explain(
    words: QueryWords,
    format_: Annotated[Format, typer.Option("--format", help="How the plan is shown.")] = Format.TREE,
    file: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", help="A file to draw the plan in: .svg, or .html for a page."
        ),
    ] = None,
    execute: Annotated[
        bool, typer.Option("--execute/--no-execute", help="Execute the query, to measure it.")
    ] = True,
) -> None:
    """Show how DuckDB executes a query: its operators, their rows and times, and what is likely to be wrong.

    For example: andamios-orm explain duckdb:///flights.db "SELECT * FROM flight WHERE carrier = 'UA'"
    """
    url, query = url_and_query(words)
    engine = target(url, read_only=True)
    _check_file(engine, file)
    _expect_query(query)
    plan = run(_plan(engine, query, execute=execute))
    if file is not None:
        title = " ".join(query.split())
        drawn = plan.to_svg(title) if file.suffix == ".svg" else plan.to_html(title)
        file.write_text(drawn, encoding="utf-8")
        output().print(f"plan written to {file}", markup=False)
    elif format_ is Format.JSON:
        sys.stdout.write(json.dumps(asdict(plan), indent=2, ensure_ascii=False) + "\n")
    else:
        console = output()
        console.print(Text(plain(heading(plan)), "bold"))
        console.print(_tree(plan, plan.root))


def _check_file(engine: AndamiosEngine, file: Path | None) -> None:
    if file is None:
        return
    if file.suffix not in {".svg", ".html"}:
        raise ConfigurationError(f"a plan is drawn as .svg or .html, and {file} is neither")
    database = database_file(engine)
    if database is not None and file.resolve() == Path(database).resolve():
        raise ConfigurationError(f"{file} is the database: the drawing would take its place")


def _expect_query(query: str) -> None:
    with duckdb.connect() as connection:
        try:
            statements = connection.extract_statements(query)
        except duckdb.ParserException:
            return  # the database tells what is wrong, as some of its extensions bring syntax of their own
    if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
        raise ConfigurationError("only one query is explained, such as a SELECT, and this is something else")


async def _plan(engine: AndamiosEngine, query: str, *, execute: bool) -> QueryPlan:
    # Its colons are its own, and begin no parameter.
    statement = text(query.replace(":", r"\:"))
    async with opened(engine):
        optimizer = QueryOptimizer(engine)
        # Before it is executed, which may take long for the very reason that is warned of.
        for warning in await optimizer.warnings(statement):
            complain(f"Warning: {warning}", "yellow")
        return await optimizer.analyze_query(statement, execute=execute)


def _tree(plan: QueryPlan, node: PlanNode) -> Tree:
    share = plan.share(node)
    colour = next((style for least, style in _COLOURS if share >= least), "")
    label = Text.assemble(
        (plain(node.operator), f"bold {colour}"), "  ", (", ".join(facts(node, share)), colour)
    )
    wrong = mismatch(node)
    if wrong:
        label.append(f", {wrong}", "bold magenta")
    for line in about(node):
        label.append(f"\n{plain(line)}", "dim")
    tree = Tree(label, guide_style="dim")
    for child in node.children:
        tree.children.append(_tree(plan, child))
    return tree
