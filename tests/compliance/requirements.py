"""Say what DuckDB can do: the flags by which SQLAlchemy's suite chooses its tests.

A flag that is not named here is open by the suite's own default. Each closed one gives the limit of the
engine behind it, which is what pytest prints beside the skipped test.
"""

# SQLAlchemy's testing package has no hints:
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

from typing import Any

from sqlalchemy.testing import exclusions
from sqlalchemy.testing.requirements import SuiteRequirements

__all__ = ["Requirements"]

can = property(lambda self: exclusions.open())


def cannot(limit: str) -> property:
    """Close a flag for the limit of the engine that is named."""
    return property(lambda self: exclusions.closed(limit))


def can_since(version: tuple[int, ...], limit: str) -> property:
    """Close a flag on versions of DuckDB before that one."""

    def is_recent(config: Any) -> bool:
        return bool(config.db.dialect.server_version_info >= version)

    return property(lambda self: exclusions.only_if(is_recent, limit))


class Requirements(SuiteRequirements):
    """What DuckDB can do."""

    # The driver
    async_dialect = can
    autocommit = can
    isolation_level = can
    skip_autocommit_rollback = can
    dbapi_lastrowid = cannot("DuckDB gives keys back by RETURNING alone")
    emulated_lastrowid = cannot("DuckDB gives keys back by RETURNING alone")
    emulated_lastrowid_even_with_sequences = cannot("DuckDB gives keys back by RETURNING alone")
    implements_get_lastrowid = cannot("DuckDB gives keys back by RETURNING alone")

    # Transactions
    savepoints = cannot("DuckDB has no SAVEPOINT")
    two_phase_transactions = cannot("DuckDB has no PREPARE TRANSACTION")

    # Schemas and names
    default_schema_name_switch = can
    implicit_default_schema = can
    percent_schema_names = can
    schema_create_delete = can
    unicode_ddl = can
    denormalized_names = cannot("DuckDB keeps names as they were written")

    # Tables, views and sequences
    create_or_replace_view = can
    create_table_as = can
    create_temp_table_as = can
    has_temp_table = can
    reflect_table_options = can
    table_ddl_if_exists = can
    temp_table_names = can
    temporary_views = can
    views = can
    materialized_views = cannot("DuckDB has no materialized views")
    materialized_views_reflect_pk = cannot("DuckDB has no materialized views")
    reflect_tables_no_columns = cannot("DuckDB wants at least one column in a table")

    # Columns
    column_collation_reflection = can
    computed_columns = can
    computed_columns_reflect_persisted = can
    computed_columns_virtual = can
    expression_server_defaults = can
    server_defaults = can
    computed_columns_default_persisted = cannot("DuckDB computes generated columns when they are read")
    computed_columns_stored = cannot("DuckDB has no STORED generated columns")
    identity_columns = cannot("DuckDB has no GENERATED AS IDENTITY, the dialect gives it a sequence")
    identity_columns_standard = cannot("DuckDB has no GENERATED AS IDENTITY, the dialect gives it a sequence")

    # Comments
    comment_reflection = can
    comment_reflection_full_unicode = can
    temp_table_comment_reflection = can
    constraint_comment_reflection = cannot("DuckDB has no COMMENT ON CONSTRAINT")

    # Constraints
    check_constraint_reflection = can
    inline_check_constraint_reflection = can
    non_updating_cascade = can
    cross_schema_fk_reflection = cannot("DuckDB has no foreign key into another schema")
    deferrable_fks = cannot("DuckDB has no DEFERRABLE constraints")
    fk_constraint_option_reflection_ondelete_noaction = cannot("DuckDB keeps no ON DELETE")
    fk_constraint_option_reflection_ondelete_restrict = cannot("DuckDB keeps no ON DELETE")
    fk_constraint_option_reflection_onupdate_restrict = cannot("DuckDB keeps no ON UPDATE")
    foreign_key_constraint_name_reflection = cannot("DuckDB keeps no names of constraints")
    foreign_key_constraint_option_reflection_ondelete = cannot("DuckDB has no ON DELETE CASCADE or SET NULL")
    foreign_key_constraint_option_reflection_onupdate = cannot("DuckDB has no ON UPDATE CASCADE or SET NULL")
    implicitly_named_constraints = cannot("DuckDB keeps no names of constraints")
    named_constraints = cannot("DuckDB keeps no names of constraints")
    on_update_cascade = cannot("DuckDB has no ON UPDATE CASCADE")
    recursive_fk_cascade = cannot("DuckDB has no ON DELETE CASCADE")
    reflects_pk_names = cannot("DuckDB keeps no names of constraints")
    repeated_column_foreign_keys = cannot("DuckDB wants each column of a foreign key once")
    repeated_remote_col_foreign_keys = cannot("DuckDB wants each column of a foreign key once")

    # Indexes
    index_ddl_if_exists = can
    indexes_check_column_order = can
    indexes_with_expressions = can
    reflect_indexes_with_expressions = can
    foreign_keys_reflect_as_index = cannot("DuckDB lists no index for a foreign key")
    index_reflects_included_columns = cannot("DuckDB has no indexes with INCLUDE")
    reflect_indexes_with_ascdesc = cannot("DuckDB keeps no ASC and DESC of an index")
    reflect_indexes_with_ascdesc_as_expression = cannot("DuckDB keeps no ASC and DESC of an index")
    unique_constraints_reflect_as_index = cannot("DuckDB lists no index for a unique constraint")
    unique_index_reflect_as_unique_constraints = cannot("DuckDB lists no constraint for a unique index")

    # Types
    array_type = can
    date_historic = can
    datetime_historic = can
    datetime_interval = can
    datetime_literals = can
    datetime_timezone = can
    datetime_timezone_historic = can
    float_or_double_precision_behaves_generically = can
    infinity_floats = can
    json_type = can
    legacy_unconditional_json_extract = can
    nvarchar_types = can
    precision_numerics_enotation_small = can
    precision_numerics_many_significant_digits = can
    precision_numerics_retains_significant_digits = can
    time_timezone = can
    timestamp_microseconds = can
    uuid_data_type = can
    json_deserializer_binary = cannot("DuckDB gives JSON as text")

    # Queries
    aggregate_order_by = can
    boolean_col_expressions = can
    ctes = can
    ctes_with_update_delete = can
    ctes_with_values = can
    except_ = can
    fetch_expression = can
    fetch_first = can
    fetch_no_order_by = can
    intersect = can
    mod_operator_as_percent_sign = can
    nullsordering = can
    order_by_label_with_expression = can
    regexp_match = can
    regexp_replace = can
    supports_bitwise_and = can
    supports_bitwise_not = can
    supports_bitwise_or = can
    supports_bitwise_shift = can
    supports_bitwise_xor = can
    supports_distinct_on = can
    table_value_constructor = can
    tuple_in = can
    window_functions = can
    window_range = can
    window_range_non_numeric = can
    window_range_numeric = can
    fetch_offset_with_options = cannot("DuckDB has no FETCH .. PERCENT and no FETCH .. WITH TIES")
    fetch_percent = cannot("DuckDB has no FETCH .. PERCENT")
    fetch_ties = cannot("DuckDB has no FETCH .. WITH TIES")

    # Writes
    ctes_on_dml = can_since((2,), "DuckDB 1.5 has no INSERT, UPDATE or DELETE inside of a CTE")
    delete_from = can
    update_from = can

    def get_order_by_collation(self, config: Any) -> str:
        """Return the name of a collation."""
        return "NOCASE"
