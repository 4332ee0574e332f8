"""Classes of enumerations."""

from __future__ import annotations

from .databases import imported, written


async def test_a_type_of_a_name_is_one_class() -> None:
    sql = """
        CREATE TYPE mood AS ENUM ('sad', 'very happy', 'a-b', 'a b', '', '2nd');
        CREATE TABLE a (id INTEGER PRIMARY KEY, m mood);
        CREATE TABLE b (id INTEGER PRIMARY KEY, m mood NOT NULL)
    """
    text = await written(sql)
    assert "    m: Mapped[Mood | None]\n" in text
    assert "    m: Mapped[Mood]\n" in text
    with imported(text) as models:
        assert {member.name: member.value for member in models.Mood} == {
            "SAD": "sad",
            "VERY_HAPPY": "very happy",
            "A_B": "a-b",
            "A_B_": "a b",
            "VALUE": "",
            "VALUE_2ND": "2nd",
        }


async def test_one_without_a_name_is_a_class_of_its_column() -> None:
    text = await written("CREATE TABLE a (id INTEGER PRIMARY KEY, kind ENUM('x'), \"other kind\" ENUM('x'))")
    assert "kind: Mapped[AKind | None] = mapped_column(StrEnumType(AKind, name=None))" in text
    assert "class AOtherKind(StrEnum):" in text


async def test_a_name_that_the_class_does_not_tell() -> None:
    text = await written(
        "CREATE TYPE seat_class AS ENUM ('x'); CREATE TABLE a (id INTEGER PRIMARY KEY, s seat_class)"
    )
    assert 'StrEnumType(SeatClass, name="seat_class")' in text


async def test_a_table_may_be_called_like_one() -> None:
    sql = "CREATE TYPE mood AS ENUM ('x'); CREATE TABLE mood (id INTEGER PRIMARY KEY, mood mood)"
    text = await written(sql)
    assert 'mood: Mapped[MoodValue | None] = mapped_column(StrEnumType(MoodValue, name="mood"))' in text


async def test_inside_of_others_it_is_its_labels() -> None:
    text = await written(
        "CREATE TYPE mood AS ENUM ('x', 'y'); CREATE TABLE a (id INTEGER PRIMARY KEY, m mood[])"
    )
    assert 'm: Mapped[list[str] | None] = mapped_column(LIST(ENUM("x", "y")))' in text
    assert "StrEnum" not in text
