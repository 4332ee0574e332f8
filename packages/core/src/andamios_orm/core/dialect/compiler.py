"""Render SQLAlchemy's constructs in DuckDB's SQL, where it differs from PostgreSQL's."""

from __future__ import annotations

import re
import warnings
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

from sqlalchemy import cast, exc
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDDLCompiler
from sqlalchemy.schema import CreateSequence, DropSequence
from sqlalchemy.sql import operators
from sqlalchemy.sql.compiler import OPERATORS, DDLCompiler, _InsertManyValuesBatch
from sqlalchemy.sql.elements import BindParameter

from andamios_orm.core.dialect import bulk
from andamios_orm.core.dialect.asof import is_asof
from andamios_orm.core.dialect.identifiers import string_literal
from andamios_orm.core.dialect.sequences import implicit_sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Column, ForeignKeyConstraint, Table
    from sqlalchemy import Sequence as SchemaSequence

_CACHE = re.compile(r" ?CACHE \d+")

__all__ = ["DuckDBCompiler", "DuckDBDDLCompiler", "DuckDBWarning"]


class DuckDBWarning(exc.SAWarning):
    """Warn of something that was asked for and that the engine leaves out."""


class DuckDBCompiler(PGCompiler):
    """Render statements."""

    def visit_join(self, join: Any, asfrom: bool = False, from_linter: Any = None, **kw: Any) -> str:
        """Render a join, and an ASOF join where its ON clause is one."""
        if not is_asof(join.onclause):
            text: str = super().visit_join(join, asfrom=asfrom, from_linter=from_linter, **kw)
            return text
        if from_linter:
            from_linter.edges.update(product(join.left._from_objects, join.right._from_objects))
        left = self.process(join.left, asfrom=True, from_linter=from_linter, **kw)
        right = self.process(join.right, asfrom=True, from_linter=from_linter, **kw)
        outer = "LEFT " if join.isouter else ""
        return (
            f"{left} ASOF {outer}JOIN {right} ON {self.process(join.onclause, from_linter=from_linter, **kw)}"
        )

    def visit_lt_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """Render ``<``."""
        return self._ordered(binary, operator, **kw)

    def visit_le_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """Render ``<=``."""
        return self._ordered(binary, operator, **kw)

    def visit_gt_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """Render ``>``."""
        return self._ordered(binary, operator, **kw)

    def visit_ge_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """Render ``>=``."""
        return self._ordered(binary, operator, **kw)

    def _ordered(self, binary: Any, operator: Any, **kw: Any) -> str:
        # Labels of an enum have its order, but beside a parameter, which is a text, that of texts.
        sides = [
            cast(side, side.type)
            if isinstance(side, BindParameter) and isinstance(side.type, sqltypes.Enum)
            else side
            for side in (binary.left, binary.right)
        ]
        return OPERATORS[operator].join(self.process(side, **kw) for side in sides)

    def visit_json_getitem_op_binary(
        self, binary: Any, operator: Any, _cast_applied: bool = False, **kw: Any
    ) -> str:
        """Render ``column["key"]`` on JSON."""
        return self._json_item(binary, **kw)

    def visit_json_path_getitem_op_binary(
        self, binary: Any, operator: Any, _cast_applied: bool = False, **kw: Any
    ) -> str:
        """Render ``column[("key", 1)]`` on JSON."""
        return self._json_item(binary, **kw)

    def _json_item(self, binary: Any, **kw: Any) -> str:
        # The arrow binds loosely in DuckDB, hence the parentheses.
        as_json = binary.type._type_affinity is sqltypes.JSON
        arrow = "->" if as_json else "->>"
        item = f"({self.process(binary.left, **kw)} {arrow} {self.process(binary.right, **kw)})"
        if as_json or binary.type._type_affinity is sqltypes.String:
            return item
        return f"CAST({item} AS {self.dialect.type_compiler_instance.process(binary.type)})"

    def visit_binary(self, binary: Any, *arguments: Any, **kw: Any) -> str:
        """Render a comparison; text that is compared with JSON becomes JSON."""
        if _compares_json_with_text(binary):
            binary = binary._clone()
            binary.right = binary.right._with_binary_element_type(binary.left.type)
        text: str = super().visit_binary(binary, *arguments, **kw)
        return text

    def visit_empty_set_expr(self, element_types: Sequence[Any], **kw: Any) -> str:
        """Render the rows of an empty list; NULL has the type of whatever is looked for in them."""
        return f"SELECT {', '.join('NULL' for _ in element_types or [None])} WHERE 1 != 1"

    def visit_bitwise_xor_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """Render ``a ^ b``, for which DuckDB has a function and no operator."""
        return f"xor({self.process(binary.left, **kw)}, {self.process(binary.right, **kw)})"

    def visit_floordiv_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """Render ``a // b``; of whole numbers without a detour by floating point."""
        if all(side.type._type_affinity is sqltypes.Integer for side in (binary.left, binary.right)):
            return f"{self.process(binary.left, **kw)} // {self.process(binary.right, **kw)}"
        text: str = super().visit_floordiv_binary(binary, operator, **kw)
        return text

    def visit_regexp_match_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """Render a match anywhere in the string, on every version of the engine."""
        flags = binary.modifiers["flags"]
        rendered = "" if flags is None else f", {self.render_literal_value(flags, sqltypes.STRINGTYPE)}"
        return (
            f"regexp_matches({self.process(binary.left, **kw)}, {self.process(binary.right, **kw)}{rendered})"
        )

    def visit_not_regexp_match_op_binary(self, binary: Any, operator: Any, **kw: Any) -> str:
        """Render the negation of a match."""
        return f"NOT {self.visit_regexp_match_op_binary(binary, operator, **kw)}"

    def for_update_clause(self, select: Any, **kw: Any) -> str:
        """Refuse row locks.

        Raises:
            CompileError: Always.
        """
        raise exc.CompileError(
            "DuckDB has no row locks (SELECT .. FOR UPDATE): it finds conflicting writes by itself, and one "
            "of the transactions fails with TransactionConflictError, to be run again"
        )

    def _deliver_insertmanyvalues_batches(  # type: ignore[override] # SQLAlchemy leaves its arguments untyped here
        self,
        statement: str,
        parameters: Sequence[Sequence[Any]],
        compiled_parameters: Sequence[dict[str, Any]],
        generic_setinputsizes: Any,
        batch_size: int,
        sort_by_parameter_order: bool,
        schema_translate_map: dict[str | None, str | None] | None,
    ) -> Iterator[_InsertManyValuesBatch]:
        translate = self._schema_translator(schema_translate_map)
        return bulk.batches(self, statement, parameters, compiled_parameters, translate)

    def _schema_translator(self, schemas: dict[str | None, str | None] | None) -> Callable[[str], str]:
        if not schemas:
            return str
        return partial(self.preparer._render_schema_translates, schema_translate_map=schemas)


def _compares_json_with_text(binary: Any) -> bool:
    right = binary.right
    return (
        operators.is_comparison(binary.operator)
        and isinstance(right, BindParameter)
        and binary.left.type._type_affinity is sqltypes.JSON
        and right.type._type_affinity is sqltypes.String
    )


def _is_temporary(table: Table) -> bool:
    return any(prefix.upper() in ("TEMP", "TEMPORARY") for prefix in table._prefixes)


class DuckDBDDLCompiler(PGDDLCompiler):
    """Render schema constructs."""

    def get_column_specification(self, column: Column[Any], **kw: Any) -> str:
        """Render a column; a generated key draws its default from its sequence."""
        type_ = self.dialect.type_compiler_instance.process(column.type, type_expression=column)
        parts = [self.preparer.format_column(column), type_]
        if column.computed is not None:
            parts.append(self.process(column.computed))
        elif (default := self._default(column)) is not None:
            parts.append(f"DEFAULT {default}")
        if not column.nullable and column.computed is None:
            # DuckDB takes no constraint on a generated column.
            parts.append("NOT NULL")
        return " ".join(parts)

    def _default(self, column: Column[Any]) -> str | None:
        sequence = implicit_sequence(column)
        if sequence is None:
            return self.get_column_default_string(column)
        return f"nextval({string_literal(self.preparer.format_sequence(sequence))})"

    def visit_computed_column(self, generated: Any, **kw: Any) -> str:
        """Render a computed column.

        Raises:
            CompileError: ``persisted=True``, which the engine has not.
        """
        if generated.persisted is True:
            raise exc.CompileError(
                "DuckDB computes generated columns when they are read (VIRTUAL); it cannot store them. "
                "Leave out persisted=True, or write the value yourself"
            )
        text = self.sql_compiler.process(generated.sqltext, include_table=False, literal_binds=True)
        return f"GENERATED ALWAYS AS ({text})"

    def visit_create_table(self, create: Any, **kw: Any) -> str:
        """Render a table behind the sequences of its generated keys."""
        temporary = _is_temporary(create.element)
        sequences = (implicit_sequence(column) for column in create.element.columns)
        texts = [self._created(sequence, temporary) for sequence in sequences if sequence is not None]
        return ";\n".join([*texts, super().visit_create_table(create, **kw)])

    def _created(self, sequence: SchemaSequence, temporary: bool) -> str:
        text = self.process(CreateSequence(sequence, if_not_exists=True))
        return text.replace("CREATE ", "CREATE TEMPORARY ", 1) if temporary else text

    def visit_drop_table(self, drop: Any, **kw: Any) -> str:
        """Render the removal of a table, and after it of the sequences of its generated keys."""
        sequences = (implicit_sequence(column) for column in drop.element.columns)
        texts = [self.process(DropSequence(sequence, if_exists=True)) for sequence in sequences if sequence]
        return ";\n".join([super().visit_drop_table(drop, **kw), *texts])

    def visit_create_sequence(self, create: Any, prefix: str | None = None, **kw: Any) -> str:
        """Render a sequence; DuckDB's are always BIGINT and have no cache to size."""
        text: str = DDLCompiler.visit_create_sequence(self, create, **kw)
        return text

    def get_identity_options(self, identity_options: Any) -> str:
        """Render the options of a sequence, less the size of a cache, which DuckDB's have not."""
        return _CACHE.sub("", super().get_identity_options(identity_options))

    def visit_foreign_key_constraint(  # type: ignore[override] # None leaves it out
        self, constraint: ForeignKeyConstraint, **kw: Any
    ) -> str | None:
        """Render a foreign key, if the engine is to check it."""
        if self.dialect.foreign_keys != "native":  # type: ignore[attr-defined] # AndamiosDialect has it
            return None
        return DDLCompiler.visit_foreign_key_constraint(self, constraint, **kw)

    def define_constraint_cascades(self, constraint: ForeignKeyConstraint) -> str:
        """Leave out the actions, with a warning that names those which the engine would refuse."""
        for clause, action in (("ON DELETE", constraint.ondelete), ("ON UPDATE", constraint.onupdate)):
            if action is not None and action.upper() not in ("NO ACTION", "RESTRICT"):
                warnings.warn(
                    f"DuckDB has no {clause} {action}: it is left out of the foreign key of "
                    f"{constraint.table.fullname} to {constraint.referred_table.fullname}, which the engine "
                    "then checks without any action",
                    DuckDBWarning,
                    stacklevel=2,
                )
        return ""

    def define_constraint_deferrability(self, constraint: Any) -> str:
        """Leave out what DuckDB does not parse: it checks at once."""
        return ""
