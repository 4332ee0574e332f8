"""What passes as one statement with bound values, and what does not."""

from __future__ import annotations

import pytest

from andamios_orm.core.errors import ConfigurationError
from andamios_orm.queries.sql_check import check

ORDINARY = [
    "select 1",
    "select 1;",
    "-- what it is for\nselect a /* ; it's */ from t ; -- done;",
    "select a, 'x' as kind, 2 * b, strftime(d, '%Y-%m') from t",
    "select ';' as separator, $$it's; $$ as quoted, e'a\\';b' as escaped",
    "select case when delay > 15 then 'late' when delay = 0 then 'on time' else 'early' end from t",
    "select case carrier when 'UA' then 1 else 2 end from t",
    "select count_if(a = 1), sum(b > 60) from t group by 1 having count(*) > :n order by 2 limit 10",
    "select a from t where d > now() - interval '1 day'",
    "select a from t where d > now() - interval 7 day and e = d + interval '2 hours'",
    "select a from t where strftime(d, '%Y') = :year and date_trunc('month', d) = :month",
    "select a from t where coalesce(a, 0) + 1 > :x and b % 2 = :r and round(c, 2) >= :c",
    "select a from t where a is null and b is not null and c = true and not d = false",
    "select a from t where j ->> '$.name' = :name and j -> 'x' is not null",
    "select a from t where case when b = :b then 'x' else 'y' end = :label",
    "select a from t where name like :pattern escape '!'",
    "select a from t where a between :low and :high and b in :codes and c not in :others",
    "select a from t where a in (select 5 from u where b = :b)",
    "select a from t qualify row_number() over (partition by b order by c desc) = 1",
    "select a from t qualify rank() over (order by c rows between 3 preceding and current row) <= 3",
    "select a[1:2], a[b:c], {'k': 1, 'v':b}, map {'k': 1}, map {} from t",
    "select a::int, x: 42, list_transform(b, lambda v: v + 1) from t",
    "select a % b, a %s from t",
    "select distinct on (a) a, b = 1 from t",
    "select a is distinct from 5 from t",
    "from read_csv('f.csv', delim = ';', header = true) select a where b = :b",
    "from t join read_parquet('f.parquet', filename = true) u on t.a = u.a and u.b > t.b",
    "select * from (values (1, 'one'), (2, 'two')) names(code, name) where code = :code",
    "with x as (select 1 as a) select * from x union all select 2 from t where a = :a union select 3",
    "pivot t on year in (2000, 2010) using sum(a)",
    "insert into t (a, b) values (:a, :b), (default, null) returning a, 'x' as what",
    "insert into t select a, 'x' from u on conflict (a) do update set b = excluded.b",
    "insert into t select * from (values (1, 'x')) v where v.a = :a",
    "update t set a = a + 1, b = null where c = :c",
    "delete from t using u where t.a = u.a and u.b <> :b",
    "set threads = 4",
    "explain analyze select a from t where b = :b",
    "select t.from, t.set from t where t.on = :x and t.where and :y < t.a",
    'select "where", "a = \'5\'" from t where "like" = :x',
    "select 'ñandú' as naïve from t where größe = :größe and x = :x",
]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_sql_passes(text: str) -> None:
    assert check(text).text.replace("\\:", ":") == text


COMPARED = [
    ("select a from t where b = 'UA'", "'UA'"),
    ("select a from t where b = 5", "5"),
    ("select a from t where b=-5", "5"),
    ("select a from t where b <> 'it''s'", "'it''s'"),
    ("select a from t where b >= /* bound? */ 1.5e3", "1.5e3"),
    ("select a from t where b == $$x$$", "$$x$$"),
    ("select a from t where b = E'x'", "E'x'"),
    ("select a from t where 'UA' = b", "'UA'"),
    ("select a from t where c and 5 < b", "5"),
    ("select a from t where (5 < b)", "5"),
    ("select a from t where b = :b or 1 = 1", "1"),
    ("select a from t where b like 'A%'", "'A%'"),
    ("select a from t where b not ilike '%a'", "'%a'"),
    ("select a from t where b similar to 'a.*'", "'a.*'"),
    ("select a from t where b glob 'a*'", "'a*'"),
    ("select a from t where b ~ 'a'", "'a'"),
    ("select a from t where b is distinct from 'a'", "'a'"),
    ("select a from t where b is not distinct from 3", "3"),
    ("select a from t where b between 1 and :high", "1"),
    ("select a from t where b between :low and 9", "9"),
    ("select a from t where b in ('a', :b)", "'a'"),
    ("select a from t where b in (:a, 'b')", "'b'"),
    ("select a from t where b in (1)", "1"),
    ("select a from t where b in ['a']", "'a'"),
    ("select a from t where b = any([:a, 2])", "2"),
    ("select a from t where (b, c) = (:b, 2)", "2"),
    ("select a from t where (b, c) in ((1, :c))", "1"),
    ("select a from t where d = date '2013-01-01'", "'2013-01-01'"),
    ("select a from t where d = timestamp with time zone '2013-01-01'", "'2013-01-01'"),
    ("select a from t where d = '2013-01-01'::date", "'2013-01-01'"),
    ("select a from t where d = cast('2013-01-01' as date)", "'2013-01-01'"),
    ("select a from t where a in (select b from u where c = 7)", "7"),
    ("select a from t where größe = 'ñandú'", "'ñandú'"),
    ("select count(*) filter (where delay > 15) from t", "15"),
    ("select a from t group by a having count(*) > 10", "10"),
    ("select a from t qualify first(b) over () = 'x'", "'x'"),
    ("select a from t join u on t.a = u.a and u.kind = 'x'", "'x'"),
    ("with x as (select a from t where b = 3) select * from x", "3"),
    ("from t where b = 3", "3"),
    ("update t set a = 'x' where b = :b", "'x'"),
    ("insert into t values (:a, 'x')", "'x'"),
    ("insert into t (a, b) values (:a, :b), (2, :c)", "2"),
    ("insert into t values (:a) on conflict (a) do update set b = 4", "4"),
    ("delete from t where a = 4", "4"),
]


@pytest.mark.parametrize(("text", "constant"), COMPARED)
def test_a_constant_that_is_compared_is_refused(text: str, constant: str) -> None:
    with pytest.raises(ConfigurationError, match="bind it") as refused:
        check(text)
    assert str(refused.value).startswith(f"the constant {constant} is compared")


@pytest.mark.parametrize(
    "text",
    [
        "select a from t where b = ?",
        "select a from t where b=?",
        "select a from t where b = $1",
        "select a from t where b = $name",
        "select a from t where b = %s",
        "select a from t where b=%s",
        "select a from t where b in (%s, %s)",
        "select a from t where b like %s",
        "select a from t where b = %(b)s",
        "select a from t where b=%(b)s",
        "select a from t limit %s",
        "select a from t where b = {b}",
        "select a from t where b = {b.c}",
        "select a from t where b = {b!r}",
        "select a from t where b = {}",
    ],
)
def test_a_placeholder_of_string_formatting_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="values are bound by name"):
        check(text)


@pytest.mark.parametrize(
    "text", ["select 1; select 2", "select 1;; select 2", "; select 1", "select 1; -- x\n drop table t"]
)
def test_several_statements_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="this text holds several"):
        check(text)


@pytest.mark.parametrize("text", ["", "  ", ";", "-- nothing", "/* nothing */;"])
def test_a_text_without_a_statement_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="this text holds none"):
        check(text)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("select :a, (:b), -:c, :d::int, :from", {"a", "b", "c", "d", "from"}),
        ("select x[:n], x[1::n], x[a:b], {'k':v}, a::int", {"n"}),
        ("select 'a :b', $$ :c $$, \":d\", a -- :e\n /* :f */", set()),
        ("select 'é', :é", {"é"}),
        ("select 1 where :a = :a", {"a"}),
    ],
)
def test_names(text: str, names: set[str]) -> None:
    assert check(text).names == names


def test_what_is_no_sql_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="cannot be read as SQL"):
        check("select \x01 from t")


def test_names_that_stand_behind_in() -> None:
    found = check("select a in :x, a not in :y, a in (:z), :y, a in (:v, 1)")
    assert found.listed == {"x"}
    assert found.bracketed == {"z"}
