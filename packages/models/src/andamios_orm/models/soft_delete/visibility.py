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
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, Insert, SelectBase, UpdateBase, event
from sqlalchemy.orm import FromStatement, Session, with_loader_criteria
from sqlalchemy.orm.base import LoaderCallableStatus, PassiveFlag, instance_dict
from sqlalchemy.orm.util import LoaderCriteriaOption

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.unit_of_work import UnitOfWork
from andamios_orm.models.soft_delete.mark import Markable

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.orm import Mapper, ORMExecuteState

__all__ = ["everything", "is_everything", "start"]

_FLUSHED = "compiled_cache"
"""The execution option of what a flush sends."""

_LIVE = with_loader_criteria(Markable, lambda cls: cls.deleted_at.is_(None), include_aliases=True)
_DELETED = with_loader_criteria(Markable, lambda cls: cls.deleted_at.is_not(None), include_aliases=True)

_found = Session._identity_lookup
"""Looks into the identity map."""

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
    # The one place where a session asks whether it has an object already, meant to be overridden.
    UnitOfWork._identity_lookup = _looked_up  # type: ignore[assignment,method-assign] # there is no event


def _sending(
    connection: Connection, statement: Any, multiple: Any, single: Any, options: Mapping[str, Any]
) -> tuple[Any, Any, Any]:
    if isinstance(statement, SelectBase | FromStatement | UpdateBase) or hasattr(statement, "_resolved"):
        statement = _seen(statement, options)
    return statement, multiple, single


def _executing(state: ORMExecuteState) -> None:
    # Others may wait until they are sent. But objects of the session follow an UPDATE by its criteria, and a
    # cache tells queries from one another by theirs.
    if state.is_update or (state.is_select and "cache" in state.execution_options):
        state.statement = _seen(state.statement, state.execution_options)


def _seen(statement: Any, options: Mapping[str, Any]) -> Any:
    # A lambda stands for the statement that it returns.
    resolved = getattr(statement, "_resolved", statement)
    if _FLUSHED in options or _everything.get() or (isinstance(resolved, Insert) and resolved.select is None):
        return statement
    option = _criteria(resolved, options)
    if option is None:
        return statement
    # A statement about tables too: a query about classes may stand in it.
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


def _looked_up(
    session: UnitOfWork,
    mapper: Mapper[Any],
    primary_key_identity: Any,
    identity_token: Any = None,
    passive: PassiveFlag = PassiveFlag.PASSIVE_OFF,
    lazy_loaded_from: Any = None,
    execution_options: Mapping[str, Any] = MappingProxyType({}),
    bind_arguments: Any = None,
) -> Any:
    found = _found(
        session, mapper, primary_key_identity, identity_token, passive, lazy_loaded_from, execution_options
    )
    included = _included({**session.execution_options, **execution_options})
    if not isinstance(found, Markable) or included is True or _everything.get():
        return found
    values = instance_dict(found)
    if "deleted_at" not in values:
        # It is not loaded: let the database decide.
        return None
    is_seen = (values["deleted_at"] is not None) == (included == "only")
    return found if is_seen else LoaderCallableStatus.PASSIVE_CLASS_MISMATCH
