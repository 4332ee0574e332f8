"""Leave deleted rows out of what is read.

The rules:

* Every statement about mapped classes leaves the deleted rows of each of them out, wherever it names them: in
  its joins, its subqueries, its aggregates, and in what loads relationships. So it is added where statements
  are sent, by sessions and by connections.
* The execution option ``include_deleted`` changes that: True leaves nothing out; ``"only"`` leaves out what
  is not deleted of the class that the statement is about, and nothing of others.
* An object that the session has is found by its key, by ``get()`` or through a many-to-one relationship,
  exactly if a query would find it.
* What loads the columns of an object anew is left alone, so that a deleted object can be refreshed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Insert, SelectBase, UpdateBase, event
from sqlalchemy.orm import FromStatement, with_loader_criteria
from sqlalchemy.orm.base import instance_dict
from sqlalchemy.orm.util import LoaderCriteriaOption

from andamios_orm.core.dml import ALL_ROWS
from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.unit_of_work import UnitOfWork, filter_identities
from andamios_orm.models.soft_delete.mark import Markable

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import Mapper, ORMExecuteState

__all__ = ["everything", "is_everything", "start", "visible"]

_UNSEEN = frozenset({"compiled_cache", ALL_ROWS})
"""The execution options of what is left alone: SQLAlchemy sets the first one for what a flush sends."""

_LIVE = with_loader_criteria(Markable, lambda cls: cls.deleted_at.is_(None), include_aliases=True)
_DELETED = with_loader_criteria(Markable, lambda cls: cls.deleted_at.is_not(None), include_aliases=True)

_deleted_of: WeakKeyDictionary[Mapper[Any], LoaderCriteriaOption] = WeakKeyDictionary()

_everything: ContextVar[bool] = ContextVar("andamios_orm_everything", default=False)


@contextmanager
def everything() -> Iterator[None]:
    """Leave nothing out of what is read inside, and let the unit of work remove rows for good."""
    token = _everything.set(True)
    try:
        yield
    finally:
        _everything.reset(token)


def is_everything() -> bool:
    """Whether this is inside of `everything`."""
    return _everything.get()


def start() -> None:
    """Leave deleted rows out from now on."""
    event.listen(Engine, "before_execute", _sending, retval=True)
    event.listen(UnitOfWork, "do_orm_execute", _executing)
    filter_identities(_is_found)


def visible(query: SelectBase) -> SelectBase:
    """Return a query that is sent by others, such as that of a view, without the deleted rows.

    Its own execution option ``include_deleted`` changes that.

    Raises:
        ConfigurationError: The option has another value than True, False or ``"only"``.
    """
    statement: Any = query
    seen: SelectBase = _seen(statement, statement.get_execution_options())
    return seen


def _sending(
    connection: Connection, statement: Any, multiple: Any, single: Any, options: Mapping[str, Any]
) -> tuple[Any, Any, Any]:
    if isinstance(statement, SelectBase | FromStatement | UpdateBase) or hasattr(statement, "_resolved"):
        statement = _seen(statement, options)
    return statement, multiple, single


def _executing(state: ORMExecuteState) -> None:
    # Most statements get the criterion when a connection executes them. Two kinds need it earlier: an UPDATE,
    # by whose criteria the session finds the objects that it has to change, and a query that is cached,
    # because its criteria are a part of its key.
    if state.is_update or (state.is_select and "cache" in state.execution_options):
        state.statement = _seen(state.statement, state.execution_options)


def _seen(statement: Any, options: Mapping[str, Any]) -> Any:
    # A lambda stands for the statement that it returns.
    resolved = getattr(statement, "_resolved", statement)
    if not _UNSEEN.isdisjoint(options) or _everything.get():
        return statement
    if isinstance(resolved, Insert) and resolved.select is None:
        return statement
    option = _criteria(resolved, options)
    if option is None:
        return statement
    # Statements about tables get the option as well, because a query about classes may be a part of them.
    return resolved if option in resolved._with_options else resolved.options(option)


def _criteria(statement: Any, options: Mapping[str, Any]) -> LoaderCriteriaOption | None:
    included = _included(options)
    if included is True or (included == "only" and _loads_relationship(statement)):
        return None
    return _LIVE if included is False else _only_deleted(statement)


def _included(options: Mapping[str, Any]) -> bool | str:
    included: bool | str = options.get("include_deleted", False)
    if included not in (True, False, "only"):
        raise ConfigurationError(f'include_deleted is True, False or "only", not {included!r}')
    return included


def _only_deleted(statement: Any) -> LoaderCriteriaOption:
    subject = statement._propagate_attrs.get("plugin_subject")
    mapper = None if subject is None else subject.mapper
    if mapper is None or not issubclass(mapper.class_, Markable):
        return _DELETED
    if mapper not in _deleted_of:
        _deleted_of[mapper] = with_loader_criteria(
            mapper.class_, lambda cls: cls.deleted_at.is_not(None), include_aliases=True
        )
    return _deleted_of[mapper]


def _loads_relationship(statement: Any) -> bool:
    options = getattr(statement, "_compile_options", None)
    return bool(getattr(options, "_current_path", None))


def _is_found(found: Any, options: Mapping[str, Any]) -> bool | None:
    included = _included(options)
    if not isinstance(found, Markable) or included is True or _everything.get():
        return True
    values = instance_dict(found)
    if "deleted_at" not in values:
        # The mark is not loaded, so the database has to be asked.
        return None
    return (values["deleted_at"] is not None) == (included == "only")
