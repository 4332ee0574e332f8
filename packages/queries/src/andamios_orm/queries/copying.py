"""DuckDB's COPY, as a statement of SQLAlchemy: the engine writes the rows of a query to a file.

The engine writes to a file beside, which takes the place of another one when it is whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import ClauseElement, Executable, SelectBase, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import String

from andamios_orm.core.errors import ConfigurationError

__all__ = ["Copy", "written_whole"]


class Copy(Executable, ClauseElement):
    """``COPY (query) TO file``.

    Args:
        query: The query.
        file: The path of the file.
        options: DuckDB's options, as SQL.
    """

    inherit_cache = False

    def __init__(self, query: SelectBase, file: str, options: str) -> None:
        self.query = query
        self.file = bindparam(None, file, String(), unique=True)
        self.format = options


@compiles(Copy, "duckdb")
def _compile_copy(element: Copy, compiler: Any, **options: Any) -> str:
    query = compiler.process(element.query, **options)
    return f"COPY ({query}) TO {compiler.process(element.file, **options)} ({element.format})"


@asynccontextmanager
async def written_whole(path: str) -> AsyncIterator[str]:
    """Give the name of a file to write, which becomes the one of this name; after an error it is removed.

    Args:
        path: The file, which is replaced if it is there; the address of a remote one is given as it is.

    Raises:
        ConfigurationError: A file cannot be called so, or its folder is not there.
        OSError: The file cannot take its place.
    """
    if not Path(path).name or "\0" in path:
        raise ConfigurationError(f"a file cannot be called {path!r}")
    if "://" in path:
        yield path
        return
    folder = Path(path).parent
    if not await asyncio.to_thread(folder.is_dir):
        raise ConfigurationError(f"there is no folder {str(folder)!r}: make it before {path!r} is written")
    part = Path(path).with_name(f".{uuid4().hex}.part")
    try:
        yield str(part)
        await asyncio.to_thread(part.replace, path)
    finally:
        await asyncio.to_thread(part.unlink, missing_ok=True)
