"""Models of views: a query that the database keeps, as a class that is read only."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Column, MetaData, SelectBase, Table
from sqlalchemy.schema import CreateView, DropView

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.models._read_only import ReadOnlyModel, ReadOnlyTable
from andamios_orm.models.keys import is_key
from andamios_orm.models.soft_delete.visibility import visible

__all__ = ["ViewModel"]


class ViewTable(ReadOnlyTable):
    """A view as a table, which the metadata creates and drops with the tables."""

    inherit_cache = True
    remedy = "write to the tables that the view reads"


class ViewModel(ReadOnlyModel):
    """Base of the models of views.

    ::

        class Delay(ViewModel):
            __query__ = select(Flight.carrier, func.avg(Flight.dep_delay).label("mean")).group_by("carrier")

            carrier: Mapped[str] = mapped_column(primary_key=True)
            mean: Mapped[float | None]

    The view is created after the tables and views that it reads, and dropped before them, with the metadata.
    ``create_all`` of this package replaces one that is there, so that it is what the class says; SQLAlchemy's
    ``metadata.create_all`` leaves it as it is. At least one column has ``primary_key=True``, which tells the
    rows apart. Deleted rows of models with `SoftDeleteMixin` are left out of the view, unless its query says
    ``execution_options(include_deleted=True)``.

    Raises:
        ConfigurationError: When the class is made, without a query or a key, or with a column that the query
            has not.
        NotSupportedError: A write.
    """

    __abstract__ = True
    __query__: ClassVar[SelectBase]

    @classmethod
    def __table_cls__(cls, name: str, metadata: MetaData, *items: Any, **options: Any) -> Table:
        """Make a table of the view."""
        query = _query(cls)
        if not any(map(is_key, items)):
            raise ConfigurationError(
                f"{cls.__name__} needs a key: mapped_column(primary_key=True) for the columns that tell its "
                "rows apart"
            )
        names = [item.name for item in items if isinstance(item, Column)]
        missing = [name for name in names if name not in query.selected_columns]
        if missing:
            raise ConfigurationError(
                f"the query of {cls.__name__} has no column {', '.join(missing)}; it has "
                f"{', '.join(query.selected_columns.keys())}: name an expression with label()"
            )
        table = ViewTable(name, metadata, *items, **options)
        _define(table, query)
        return table


def _query(cls: type[Any]) -> SelectBase:
    query = getattr(cls, "__query__", None)
    if not isinstance(query, SelectBase):
        raise ConfigurationError(f"{cls.__name__} needs its query: __query__ = select(...), not {query!r}")
    return visible(query)


def _define(table: ViewTable, query: SelectBase) -> None:
    created = CreateView(query, table.name, schema=table.schema, or_replace=True)
    # It makes a table of its own out of the query, which knows neither keys nor the types of the model.
    created.table = table
    table.set_creator_ddl(created)
    table.set_dropper_ddl(DropView(table))
