"""What other libraries make of an Arrow table: DataFrames and arrays."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

from andamios_orm.core.errors import ConfigurationError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl
    import pyarrow as pa

__all__ = ["Frames"]


class Frames(Protocol):
    """Endings that go by way of an Arrow table."""

    async def arrow(self) -> pa.Table:
        """Return the rows as a ``pyarrow.Table``."""
        ...

    @overload
    async def polars(self, *, lazy: Literal[False] = False) -> pl.DataFrame: ...

    @overload
    async def polars(self, *, lazy: Literal[True]) -> pl.LazyFrame: ...

    async def polars(self, *, lazy: bool = False) -> pl.DataFrame | pl.LazyFrame:
        """Return the rows as a DataFrame of polars, or as a LazyFrame of them.

        Raises:
            ConfigurationError: polars is not installed.
            NotSupportedError: The backend is not DuckDB.
        """
        polars = _extra("polars")
        frame: pl.DataFrame = polars.from_arrow(await self.arrow())
        return frame.lazy() if lazy else frame

    async def pandas(self) -> pd.DataFrame:
        """Return the rows as a DataFrame of pandas.

        Raises:
            ConfigurationError: pandas is not installed.
            NotSupportedError: The backend is not DuckDB.
        """
        _extra("pandas")
        frame: pd.DataFrame = (await self.arrow()).to_pandas()
        return frame

    async def numpy(self) -> dict[str, np.ndarray[Any, Any]]:
        """Return the columns as arrays of numpy, by name; missing numbers are NaN.

        Raises:
            ConfigurationError: pyarrow is not installed.
            NotSupportedError: The backend is not DuckDB.
        """
        table = await self.arrow()
        return {name: table[name].to_numpy() for name in table.column_names}


def _extra(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise ConfigurationError(
            f'{name} is not installed: pip install "andamios-orm-queries[{name}]"'
        ) from error
