"""``delete(Model)`` marks: in a session it becomes an UPDATE, on a connection it is refused.

Rows follow whose foreign key says ``ondelete="CASCADE"``, as far as they can be marked. The execution option
``hard_delete`` removes rows for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Delete, Engine, event, update
from sqlalchemy.sql import visitors

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.core.unit_of_work import UnitOfWork
from andamios_orm.models.soft_delete.cascades import mark_referrers
from andamios_orm.models.soft_delete.mark import Markable, is_markable
from andamios_orm.models.timestamps import utc_now

if TYPE_CHECKING:
    from sqlalchemy import BindParameter, Connection, Result
    from sqlalchemy.orm import ORMExecuteState

__all__ = ["start"]


def start() -> None:
    """Mark from now on."""
    event.listen(UnitOfWork, "do_orm_execute", _executing)
    event.listen(Engine, "before_execute", _sending)


def _executing(state: ORMExecuteState) -> Result[Any] | None:
    mapper = state.bind_mapper if state.is_delete else None
    if mapper is None or not is_markable(mapper) or state.execution_options.get("hard_delete"):
        return None
    if state.is_executemany:
        raise ConfigurationError(f"delete({mapper.class_.__name__}) takes one set of parameters: use in_()")
    when = utc_now()
    parameters: Any = state.parameters or {}
    marking = _marking(state.statement, mapper.class_, when, parameters)
    options, bound = state.execution_options, state.bind_arguments
    result = state.session.execute(marking, execution_options=options, bind_arguments=bound)
    mark_referrers(state.session, mapper, when)
    return result


def _marking(statement: Any, model: type[Markable], when: datetime, parameters: Mapping[str, Any]) -> Any:
    criteria = (_bound(criterion, parameters) for criterion in statement._where_criteria)
    made = update(model).where(*criteria, model.deleted_at.is_(None)).values({model.deleted_at: when})
    made = made.options(*statement._with_options)
    return made.returning(*statement._returning) if statement._returning else made


def _bound(criterion: Any, parameters: Mapping[str, Any]) -> Any:
    # An UPDATE would set a column to the value of a parameter with its name. So the criteria get the values.
    def bind(parameter: BindParameter[Any]) -> None:
        if parameter.key in parameters:
            parameter.value, parameter.required = parameters[parameter.key], False
            parameter._convert_to_unique()  # type: ignore[no-untyped-call] # it has no annotations

    return visitors.cloned_traverse(criterion, {"maintain_key": True}, {"bindparam": bind})


def _sending(
    connection: Connection, statement: Any, multiple: Any, single: Any, options: Mapping[str, Any]
) -> None:
    if not isinstance(statement, Delete) or options.get("hard_delete"):
        return
    subject = statement._propagate_attrs.get("plugin_subject")
    if subject is not None and is_markable(subject.mapper):
        name = subject.mapper.class_.__name__
        raise ConfigurationError(
            f"delete({name}) marks rows, which takes a session: execute it in one. What removes them for "
            f"good is delete({name}.__table__), or the execution option hard_delete=True"
        )
