"""Objects that are written together with those that they are related to."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pydantic
import pytest
from sqlalchemy import select
from sqlalchemy.exc import PendingRollbackError

from andamios_orm.core import AndamiosEngine, AsyncSession
from andamios_orm.core.errors import (
    ConfigurationError,
    DuplicateKeyError,
    NotFoundError,
    StaleVersionError,
    ValidationError,
)
from andamios_orm.queries import UnknownNameError
from andamios_orm.repositories import GenericRepository

from ..shared import held, opened
from ..statements import sent
from .nesting_models import (
    GREEK,
    Bill,
    Boss,
    Category,
    Chapter,
    Cover,
    Document,
    Label,
    Line,
    Note,
    Pilot,
    Project,
    Setting,
    Tag,
    Task,
    Worker,
    fill,
)

LATIN = uuid.UUID(int=GREEK.int + 1)


@pytest.fixture(scope="module")
def shared_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database with the rows of the models, which the tests share."""
    with held(request.module.__name__, fill) as url:
        yield url


@pytest.fixture
async def shared_engine(shared_url: str) -> AsyncIterator[AndamiosEngine]:
    """An engine on the rows of the models, which no test commits to."""
    async with opened(shared_url) as engine:
        yield engine


@pytest.fixture
def projects(session: AsyncSession) -> GenericRepository[Project]:
    return GenericRepository[Project](session)


@pytest.fixture
def categories(session: AsyncSession) -> GenericRepository[Category]:
    return GenericRepository[Category](session)


async def rows(session: AsyncSession, *columns: Any) -> list[tuple[Any, ...]]:
    """Return what a table holds, in order."""
    return [tuple(row) for row in (await session.execute(select(*columns).order_by(*columns))).all()]


class ChapterForm(pydantic.BaseModel):
    id: str | None = None
    text: str = "empty"


class DocumentForm(pydantic.BaseModel):
    id: int | None = None
    title: str = "untitled"
    chapters: list[ChapterForm] = []


class ProjectForm(pydantic.BaseModel):
    name: str = "unnamed"
    documents: list[DocumentForm] = []
    cover: dict[str, Any] | None = None


# --- new objects ---


async def test_an_object_is_made_with_its_children(projects: GenericRepository[Project]) -> None:
    made = await projects.create(
        {
            "name": "new",
            "documents": [{"title": "x", "chapters": [{"text": "I"}, {"text": "II"}]}, {"title": "y"}],
            "cover": {"color": "blue"},
            "tags": [{"id": str(GREEK)}, {"name": "norse"}],
        }
    )
    assert [(each.title, each.project is made, each.state) for each in made.documents] == [
        ("x", True, "draft"),
        ("y", True, "draft"),
    ]
    session = projects.session
    assert await rows(session, Chapter.text) == [("I",), ("I",), ("II",)]
    assert await rows(session, Tag.name) == [("greek",), ("latin",), ("norse",)]
    assert made.cover is not None
    assert made.cover.project_id == made.id


async def test_a_pydantic_model_is_made_with_its_parts(projects: GenericRepository[Project]) -> None:
    form = ProjectForm(documents=[DocumentForm(title="x", chapters=[ChapterForm()])])
    made = await projects.create(form, name="new")
    assert (made.name, made.documents[0].title, made.documents[0].chapters[0].text) == ("new", "x", "empty")


async def test_a_child_is_made_with_its_parent(session: AsyncSession) -> None:
    documents = GenericRepository[Document](session)
    made = await documents.create(title="x", project={"name": "new"})
    assert made.project.name == "new"
    assert made.project_id == made.project.id


async def test_a_child_is_made_below_a_parent_that_is_there(session: AsyncSession) -> None:
    made = await GenericRepository[Document](session).create(title="x", project={"id": 1})
    assert made.project_id == 1
    changed = await GenericRepository[Document](session).create(title="y", project={"id": 1, "name": "n"})
    assert changed.project is made.project
    assert changed.project.name == "n"


async def test_objects_stand_in_place_of_dicts(projects: GenericRepository[Project]) -> None:
    greek = await projects.session.get_one(Tag, GREEK)
    made = await projects.create(name="new", tags=[greek, {"id": LATIN}], documents=[Document(title="x")])
    assert {tag.name for tag in made.tags} == {"greek", "latin"}
    assert made.documents[0].project_id == made.id


async def test_an_object_gets_children_when_it_is_made(projects: GenericRepository[Project]) -> None:
    made = await projects.create(Project(name="new"), documents=[{"title": "x"}])
    assert [document.title for document in made.documents] == ["x"]


# --- the whole collection ---


async def test_children_are_matched_by_their_keys(projects: GenericRepository[Project]) -> None:
    project = await projects.update(1, {"documents": [{"id": 1, "title": "new"}, {"title": "c"}]})
    assert [document.title for document in project.documents] == ["new", "c"]
    found = await rows(projects.session, Document.id, Document.title, Document.project_id)
    assert found[0] == (1, "new", 1)
    assert found[1] == (3, "c", 2)
    assert found[2][1:] == ("c", 1)


async def test_the_fields_that_a_form_was_given_count(projects: GenericRepository[Project]) -> None:
    form = ProjectForm(documents=[DocumentForm(id=1, chapters=[ChapterForm(id=str(uuid.UUID(int=1)))])])
    project = await projects.update(1, form)
    assert (project.name, [document.title for document in project.documents]) == ("one", ["a"])
    assert await rows(projects.session, Chapter.text) == [("I",)]
    assert (await projects.update(1, ProjectForm(name="new"))).documents == project.documents


async def test_a_new_child_takes_the_place_of_one_that_is_left_out(
    projects: GenericRepository[Project],
) -> None:
    await projects.update(1, documents=[{"title": "a"}, {"id": 2}])
    found = await rows(projects.session, Document.title, Document.project_id)
    assert found == [("a", 1), ("b", 1), ("c", 2)]
    assert await rows(projects.session, Chapter.text) == []


async def test_children_that_can_do_without_stay(projects: GenericRepository[Project]) -> None:
    project = await projects.update(1, tasks=[{"name": "new"}])
    found = await rows(projects.session, Task.name, Task.project_id)
    assert (found, len(project.tasks)) == ([("new", 1), ("run", None)], 1)


async def test_children_that_cannot_do_without_are_not_left_out(projects: GenericRepository[Project]) -> None:
    with pytest.raises(
        ConfigurationError, match=r"bills leaves out a Bill .*project_id may not be NULL.*orphan"
    ):
        await projects.update(1, name="new", bills=[{"amount": 6}])
    project = await projects.get_one(1, load="bills")
    assert (project.name, len(project.bills), list(projects.session.new)) == ("one", 1, [])
    await projects.update(1, bills=[{"id": 1, "amount": 7}, {"amount": 6}])
    assert await rows(projects.session, Bill.amount) == [(6,), (7,)]


async def test_what_is_left_out_is_marked(projects: GenericRepository[Project]) -> None:
    project = await projects.update(1, notes=[{"id": 2, "text": "new"}])
    assert [note.text for note in project.notes] == ["new"]
    with pytest.raises(NotFoundError, match="no Note with key 1"):
        await projects.update(1, notes=[{"id": 1}, {"id": 2}])
    found = await projects.session.scalars(select(Note), execution_options={"include_deleted": True})
    assert len(found.all()) == 2


async def test_a_list_may_be_empty(projects: GenericRepository[Project]) -> None:
    project = await projects.update(1, documents=[], tags=[])
    assert (project.documents, project.tags) == ([], [])
    assert await rows(projects.session, Document.title) == [("c",)]
    assert await rows(projects.session, Tag.name) == [("greek",), ("latin",)]


async def test_what_was_committed_meanwhile_counts(engine: AndamiosEngine) -> None:
    async with AsyncSession(engine) as session:
        await fill(session)
        await session.commit()
        projects = GenericRepository[Project](session)
        project = await projects.get_one(1, load="documents")
        await session.commit()
        async with AsyncSession(engine) as other:
            await GenericRepository[Document](other).create(title="new", project_id=1)
            await other.commit()
        await projects.update(project, documents=[{"id": 1}])
        assert await rows(session, Document.title) == [("a",), ("c",)]


async def test_what_was_not_written_yet_is_written_first(projects: GenericRepository[Project]) -> None:
    project = await projects.get_one(1, load="documents")
    project.documents.append(Document(id=9, title="mine"))
    await projects.update(project, documents=[{"id": 9}])
    assert await rows(projects.session, Document.title) == [("c",), ("mine",)]


async def test_an_object_moves_from_one_parent_to_another(session: AsyncSession) -> None:
    moved = await session.get_one(Document, 1)
    given = [{"id": 1, "documents": []}, {"id": 2, "documents": [{"id": 3}, moved]}]
    await GenericRepository[Tag](session).update(GREEK, projects=given)
    assert moved.project_id == 2
    assert await rows(session, Document.title) == [("a",), ("c",)]


# --- one object ---


async def test_a_cover_is_changed_and_taken_away(projects: GenericRepository[Project]) -> None:
    project = await projects.update(1, cover={"color": "blue"})
    assert await rows(projects.session, Cover.project_id, Cover.color) == [(1, "blue")]
    assert project.cover is not None
    assert project.cover.project is project
    await projects.update(1, cover=None)
    assert project.cover is None
    assert await rows(projects.session, Cover.color) == []


async def test_a_cover_is_put_where_none_is(projects: GenericRepository[Project]) -> None:
    await projects.update(2, ProjectForm(cover={"color": "blue"}))
    assert await rows(projects.session, Cover.project_id, Cover.color) == [(1, "red"), (2, "blue")]


async def test_a_reference_is_changed_and_taken_away(session: AsyncSession) -> None:
    tasks, project = GenericRepository[Task](session), await session.get_one(Project, 1)
    task = await tasks.update(1, project={"id": 2})
    assert (task.project_id, await rows(session, Project.name)) == (2, [("one",), ("two",)])
    assert (await tasks.update(1, project=project)).project_id == 1
    assert (await tasks.update(1, project=None)).project_id is None


async def test_a_reference_that_has_to_be_there_is_not_taken_away(session: AsyncSession) -> None:
    with pytest.raises(ConfigurationError, match="project is None, and project_id may not be NULL"):
        await GenericRepository[Document](session).update(1, project=None)


async def test_a_reference_to_nothing_is_refused(session: AsyncSession) -> None:
    with pytest.raises(NotFoundError, match="no Project with key 9") as caught:
        await GenericRepository[Task](session).update(1, name="new", project={"id": 9, "name": "x"})
    assert caught.value.__notes__ == ["it was given as project"]
    assert (await session.get_one(Task, 1)).name == "run"


# --- many to many ---


async def test_tags_are_matched_changed_and_made(projects: GenericRepository[Project]) -> None:
    project = await projects.update(1, tags=[{"id": str(LATIN), "name": "roman"}, {"name": "norse"}])
    assert [tag.name for tag in project.tags] == ["roman", "norse"]
    assert await rows(projects.session, Tag.name) == [("greek",), ("norse",), ("roman",)]


async def test_a_tag_that_is_not_there_is_refused(projects: GenericRepository[Project]) -> None:
    with pytest.raises(NotFoundError, match="no Tag with key"):
        await projects.update(1, tags=[{"id": uuid.UUID(int=7), "name": "norse"}])


async def test_labels_are_a_set(projects: GenericRepository[Project]) -> None:
    project = await projects.update(1, labels=[{"id": 1}, {"word": "next"}])
    assert {label.word for label in project.labels} == {"new", "next"}
    with pytest.raises(NotFoundError, match="no Label with key 2"):
        await projects.update(1, labels=[{"id": 2}])


# --- keys ---


async def test_a_dict_is_a_collection(projects: GenericRepository[Project]) -> None:
    project = await projects.update(
        1, settings=[{"code": "s1", "name": "width"}, {"code": "s3", "name": "depth"}]
    )
    assert {name: setting.code for name, setting in project.settings.items()} == {
        "width": "s1",
        "depth": "s3",
    }
    await projects.update(1, settings={"depth": {"code": "s3"}})
    assert list(project.settings) == ["depth"]
    assert await rows(projects.session, Setting.code) == [("s2",), ("s3",)]


async def test_a_natural_key_of_another_parent_is_refused(projects: GenericRepository[Project]) -> None:
    with pytest.raises(NotFoundError, match="no Setting with key 's2'"):
        await projects.update(1, settings=[{"code": "s2", "name": "mine"}])


@pytest.mark.parametrize("key", [3, 99])
async def test_a_child_of_another_parent_is_not_taken(projects: GenericRepository[Project], key: int) -> None:
    project = await projects.get_one(1)
    with pytest.raises(NotFoundError, match=f"no Document with key {key}"):
        await projects.update(project, name="new", documents=[{"id": key, "title": "mine"}])
    with pytest.raises(NotFoundError, match=f"no Document with key {key}"):
        await projects.create(name="new", documents=[{"id": key, "title": "mine"}])
    assert (project.name, list(projects.session.dirty), list(projects.session.new)) == ("one", [], [])


async def test_a_part_of_a_key_is_told_by_the_parent(projects: GenericRepository[Project]) -> None:
    lines = [{"number": 2, "text": "new"}, {"number": 3, "text": "z", "project_id": 1}]
    await projects.update(1, lines=lines)
    found = await rows(projects.session, Line.project_id, Line.number, Line.text)
    assert found == [(1, 2, "new"), (1, 3, "z")]
    await projects.create(id=7, name="new", lines=[{"number": 2, "text": "q"}])
    assert (7, 2, "q") in await rows(projects.session, Line.project_id, Line.number, Line.text)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"documents": [{"id": 1}, {"id": 1, "title": "x"}]}, "documents has the same Document twice"),
        ({"tags": [{"id": GREEK}, {"id": str(GREEK)}]}, "tags has the same Tag twice"),
        ({"documents": [{"id": 1, "project_id": 2}]}, r"documents\[0\]: project_id is 2, and 1 where it is"),
        ({"documents": [{"id": 1, "project": {"id": 2}}]}, r"documents\[0\]: project is told by where"),
        ({"tags": [{"id": GREEK, "projects": []}]}, r"tags\[0\]: projects is told by where it is nested"),
        ({"documents": [None]}, r"documents\[0\]: give a Document, a dict or a pydantic model, not None"),
        ({"documents": [7]}, r"documents\[0\]: give a Document, a dict, a pydantic model"),
        ({"documents": [{"id": "x"}]}, r"documents\[0\]: Document.id is a number, not 'x'"),
        ({"documents": {"title": "x"}}, "documents leads to several: give a list"),
        ({"documents": None}, "documents leads to several: give a list, not None"),
        ({"first_tasks": []}, "Project.first_tasks is viewonly: change the relationship"),
        ({"streamed": []}, "Project.streamed has lazy='write_only': use its own add"),
    ],
)
async def test_what_cannot_be_meant_is_refused(
    projects: GenericRepository[Project], values: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        await projects.update(1, values, name="new")
    project = await projects.get_one(1)
    assert (project.name, list(projects.session.new), list(projects.session.dirty)) == ("one", [], [])


async def test_names_are_told_with_their_path(projects: GenericRepository[Project]) -> None:
    with pytest.raises(UnknownNameError, match=r"in documents\[1\]\.titel: did you mean 'title'"):
        await projects.update(1, name="new", documents=[{"id": 1}, {"titel": "x"}])
    with pytest.raises(UnknownNameError, match=r"in documents\[0\]\.chapters\[0\]\.txt: did you mean 'text'"):
        await projects.create(name="new", documents=[{"title": "x", "chapters": [{"txt": "x"}]}])
    with pytest.raises(ConfigurationError, match=r"cover: DocumentForm\.id is no attribute of Cover"):
        await projects.update(1, cover=DocumentForm())


async def test_values_are_told_with_their_path(projects: GenericRepository[Project]) -> None:
    project = await projects.get_one(1, load="documents")
    for document in ({"id": 1, "title": "x" * 13}, {"title": "x" * 13}):
        with pytest.raises(ValidationError) as caught:
            await projects.update(1, name="new", documents=[{"id": 2, "title": "new"}, document])
        assert list(caught.value.errors) == ["documents[1].title"]
    with pytest.raises(ValidationError) as caught:
        await projects.update(1, name="", documents=[])
    assert list(caught.value.errors) == ["name"]
    assert (project.name, [document.title for document in project.documents]) == ("one", ["a", "b"])
    assert list(projects.session.dirty) == []


async def test_a_stale_child_is_refused(projects: GenericRepository[Project]) -> None:
    await projects.update(1, documents=[{"id": 1, "title": "x", "version": 1}, {"id": 2}])
    with pytest.raises(StaleVersionError, match="it had version 1, and now it has version 2"):
        await projects.update(1, name="new", documents=[{"id": 1, "title": "y", "version": 1}])
    found = await rows(projects.session, Document.title, Document.version)
    assert found == [("b", 1), ("c", 1), ("x", 2)]


async def test_versions_of_parents_do_not_change_with_children(projects: GenericRepository[Project]) -> None:
    project = await projects.update(1, documents=[{"id": 1, "title": "x"}], tags=[])
    assert project.version == 1
    assert (await projects.update(1, name="new", documents=[])).version == 2


async def test_dataclasses_are_made_by_their_constructors(session: AsyncSession) -> None:
    bosses = GenericRepository[Boss](session)
    boss = await bosses.create(name="ada", workers=[{"name": "bob"}])
    assert [(worker.name, worker.boss is boss) for worker in boss.workers] == [("bob", True)]
    await bosses.update(boss, workers=[{"id": boss.workers[0].id, "name": "eve"}, {"name": "bob"}])
    assert await rows(session, Worker.name, Worker.boss_id) == [("bob", boss.id), ("eve", boss.id)]
    assert (await GenericRepository[Worker](session).create({"name": "dan", "boss": {"name": "new"}})).boss_id


async def test_children_are_of_their_own_classes(session: AsyncSession) -> None:
    bosses = GenericRepository[Boss](session)
    boss = await bosses.create(name="ada", workers=[Pilot(name="bob", boss=None, hours=1), {"name": "eve"}])
    pilot, worker = boss.workers
    await bosses.update(boss, workers=[{"id": pilot.id, "hours": 2}, worker])
    assert await rows(session, Pilot.hours) == [(2,)]
    with pytest.raises(UnknownNameError, match=r"'hours' is no attribute of Worker, in workers\[0\]\.hours"):
        await bosses.update(boss, workers=[{"id": worker.id, "hours": 2}])


# --- trees, cycles and repetitions ---


async def test_a_tree_is_made_and_changed(categories: GenericRepository[Category]) -> None:
    tree = {"name": "new", "children": [{"name": "l", "children": [{"name": "ll"}]}, {"name": "r"}]}
    made = await categories.create(tree)
    assert made.children[0].children[0].parent is made.children[0]
    await categories.update(1, children=[{"id": 3, "name": "only", "children": [{"name": "leaf"}]}])
    found = await rows(categories.session, Category.name, Category.parent_id)
    assert ("left", None) in found
    assert ("only", 1) in found
    assert ("leaf", 3) in found


async def test_what_contains_itself_is_refused(categories: GenericRepository[Category]) -> None:
    tree: dict[str, Any] = {"name": "new"}
    tree["children"] = [tree]
    with pytest.raises(ConfigurationError, match=r"children\[0\]: it contains itself"):
        await categories.create(tree)
    with pytest.raises(ConfigurationError, match=r"children\[0\]: parent is told by where it is nested"):
        await categories.create(name="new", children=[{"name": "x", "parent": {"id": 1}}])


async def test_a_row_is_changed_in_one_place(projects: GenericRepository[Project]) -> None:
    with pytest.raises(ConfigurationError, match=r"tags\[1\] is the same Tag as tags\[0\], and given other"):
        await projects.update(1, tags=[{"id": GREEK, "name": "x"}, {"id": GREEK, "name": "y"}])
    same = {"project": {"id": 1, "bills": [{"id": 1, "amount": 8}], "name": "x"}}
    assert (await GenericRepository[Task](projects.session).update(1, same)).project_id == 1


async def test_equal_values_may_be_given_again(categories: GenericRepository[Category]) -> None:
    """As forms do that show the whole of what is referred to."""

    class Parent(pydantic.BaseModel):
        id: int
        name: str

    await categories.update(2, parent=Parent(id=1, name="trunk"))
    assert await rows(categories.session, Category.name) == [("left",), ("right",), ("trunk",)]


@pytest.mark.parametrize("values", [{"parent": {"id": 1}}, {"parent": {"id": 1, "name": "x"}}])
async def test_an_object_is_not_its_own_parent(
    categories: GenericRepository[Category], values: dict[str, Any]
) -> None:
    with pytest.raises(
        ConfigurationError, match=r"parent is the object itself|parent is the same Category as the"
    ):
        await categories.update(1, values, name="new")
    with pytest.raises(ConfigurationError, match="children is the object itself"):
        await categories.add(1, "children", 1)


async def test_a_reference_and_its_key_agree(session: AsyncSession) -> None:
    tasks = GenericRepository[Task](session)
    assert (await tasks.update(1, project_id=2, project={"id": 2})).project_id == 2
    for project, told in (({"id": 1}, 1), ({"name": "new"}, None), (None, None)):
        with pytest.raises(ConfigurationError, match=f"project_id is 2, and {told} by project: give one"):
            await tasks.update(1, project_id=2, project=project)


async def test_equal_values_of_several_places_are_written_once(session: AsyncSession) -> None:
    projects = GenericRepository[Project](session)
    label = {"id": 1, "word": "same"}
    made = await GenericRepository[Tag](session).create(
        name="n", projects=[{"name": "p", "labels": [label]}, {"name": "q", "labels": [label]}]
    )
    assert [{each.word for each in project.labels} for project in made.projects] == [{"same"}, {"same"}]
    assert await projects.count() == 4


# --- what is sent ---


async def test_queries_do_not_grow_with_children(shared_engine: AndamiosEngine) -> None:
    counts = []
    for number in (2, 100):
        async with AsyncSession(shared_engine) as session:
            projects = GenericRepository[Project](session)
            made = await projects.create(
                name="new",
                documents=[{"title": f"t{n}", "chapters": [{"text": "x"}]} for n in range(number)],
            )
            key, given = (
                made.id,
                [
                    {"id": each.id, "title": f"u{each.id}", "chapters": [{"text": "y"}]}
                    for each in made.documents
                ],
            )
            session.expunge_all()
            with sent(shared_engine) as statements:
                await projects.update(key, documents=[*given, {"title": "last"}])
            counts.append(sum(each.lstrip().startswith("SELECT") for each in statements))
            assert await projects.query().count() == 3
    assert counts[0] == counts[1] <= 8


async def test_what_the_database_computes_is_read_at_once(
    shared_engine: AndamiosEngine, projects: GenericRepository[Project]
) -> None:
    project = await projects.update(1, tasks=[{"name": f"t{number}"} for number in range(20)])
    given = [{"id": task.id, "name": "new"} for task in project.tasks]
    with sent(shared_engine) as statements:
        await projects.update(1, tasks=given)
    assert all(task.changed is not None for task in project.tasks)
    assert sum(each.startswith("SELECT") for each in statements) == 3


async def test_a_plain_write_asks_nothing_more(shared_engine: AndamiosEngine) -> None:
    async with AsyncSession(shared_engine) as session:
        projects = GenericRepository[Project](session)
        project = await projects.get_one(1)
        with sent(shared_engine) as statements:
            await projects.update(project, name="new")
        assert [each.split()[0] for each in statements] == ["UPDATE"]


# --- errors in the middle ---


async def test_what_a_hook_refuses_does_not_wait(projects: GenericRepository[Project]) -> None:
    project = await projects.get_one(2)
    with pytest.raises(LookupError, match="no bill is negative"):
        await projects.update(project, name="new", bills=[{"amount": 1}, {"amount": -1}])
    assert list(projects.session.new) == []
    assert await rows(projects.session, Project.name) == [("one",), ("two",)]
    assert await rows(projects.session, Bill.amount) == [(5,)]


async def test_what_a_hook_refuses_undoes_what_was_removed(engine: AndamiosEngine) -> None:
    async with AsyncSession(engine) as session:
        await fill(session)
        await session.commit()
        projects = GenericRepository[Project](session)
        with pytest.raises(LookupError, match="no bill is negative"):
            await projects.update(1, documents=[], bills=[{"id": 1}, {"amount": -1}])
        with pytest.raises(PendingRollbackError):
            await session.commit()
        await session.rollback()
        assert await rows(session, Document.title) == [("a",), ("b",), ("c",)]


async def test_a_constraint_refuses_all(projects: GenericRepository[Project]) -> None:
    with pytest.raises(DuplicateKeyError):
        await projects.update(1, name="new", documents=[{"id": 1}, {"id": 2}, {"title": "a"}])
    await projects.session.rollback()
    assert await rows(projects.session, Document.title) == [("a",), ("b",), ("c",)]
    assert (await projects.get_one(1)).name == "one"


async def test_a_cancelled_write_leaves_nothing(engine: AndamiosEngine) -> None:
    async with AsyncSession(engine) as session:
        await fill(session)
        await session.commit()
    documents = [{"title": f"t{number}"} for number in range(200)]

    async def write() -> None:
        async with AsyncSession(engine) as session:
            await GenericRepository[Project](session).update(1, documents=documents)
            await session.commit()

    for turns in range(1, 40, 3):
        task = asyncio.create_task(write())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with AsyncSession(engine) as session:
            assert await rows(session, Document.title) == [("a",), ("b",), ("c",)]


async def test_an_object_that_is_gone_is_told(engine: AndamiosEngine) -> None:
    async with AsyncSession(engine) as session:
        await fill(session)
        await session.commit()
        project = await GenericRepository[Project](session).create(name="three")
        await session.commit()
        async with AsyncSession(engine) as other:
            await GenericRepository[Project](other).delete_where({"id": 3})
            await other.commit()
        with pytest.raises(NotFoundError, match="no Project with key 3"):
            await GenericRepository[Project](session).update(project, documents=[])


async def test_an_expired_object_is_read_again(engine: AndamiosEngine) -> None:
    async with AsyncSession(engine, expire_on_commit=True) as session:
        await fill(session)
        project = await session.get_one(Project, 2)
        await session.commit()
        updated = await GenericRepository[Project](session).update(project, documents=[{"title": "new"}])
        assert [document.title for document in updated.documents] == ["new"]


async def test_objects_that_cannot_be_used_are_refused(
    shared_engine: AndamiosEngine, projects: GenericRepository[Project]
) -> None:
    async with AsyncSession(shared_engine) as other:
        foreign = await other.get_one(Tag, GREEK)
        with pytest.raises(ConfigurationError, match=r"tags\[0\]: this Tag belongs to another session"):
            await projects.update(1, tags=[foreign])
    label = await GenericRepository[Label](projects.session).query().with_deleted().get(2)
    with pytest.raises(NotFoundError, match="no Label with key 2"):
        await projects.update(1, labels=[label])
