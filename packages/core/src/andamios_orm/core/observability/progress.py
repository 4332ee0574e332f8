"""Show how much of a long statement is done as a bar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from andamios_orm.core.dialect.progress import ProgressCallback
from andamios_orm.core.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["rich_progress"]


@contextmanager
def rich_progress(
    description: str = "query", *, console: Console | None = None
) -> Iterator[ProgressCallback]:
    """Show a bar for the time of a ``with``, and yield the callback that moves it.

    Args:
        description: What stands before the bar.
        console: Where it is shown; by default on standard output.

    Raises:
        ConfigurationError: rich is not installed.
    """
    rich = _rich()
    with rich.progress.Progress(console=console) as bar:
        task = bar.add_task(rich.markup.escape(description), total=1.0)

        def show(share: float) -> None:
            bar.update(task, completed=share)

        yield show


def _rich() -> Any:
    try:
        import rich.markup
        import rich.progress
    except ImportError as error:
        raise ConfigurationError('a progress bar needs rich: pip install "andamios-orm-core[cli]"') from error
    return rich
