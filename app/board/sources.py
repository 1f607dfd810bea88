"""Where the scores of a board come from: searches, groups, whole spaces, imported benchmarks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from sqlalchemy.orm import Session

from app import wording
from db import benchmarks, jobs
from db.errors import NotFound
from db.jobs import JobFilter
from db.models import Job
from search.catalogue import TableInfo
from search.errors import SpecError

SourceKind = Literal["search", "group", "space", "benchmark"]
FIELD = "from"
MAX_JOBS = 2_000  # of a space or a group
NUM_LISTED = 200
NUM_MADE = 5  # of each chosen search


@dataclass(frozen=True)
class Source:
    """One source, as addresses and commands spell it: ``search:12``, ``benchmark:nb201``."""

    kind: SourceKind
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True)
class Found:
    """What sources come to.

    Attributes:
        space: of all of them.
        jobs: that have trials, the newest first.
        tables: imported benchmarks.
    """

    space: str
    jobs: tuple[Job, ...]
    tables: tuple[TableInfo, ...]


def parse(texts: Sequence[str]) -> tuple[Source, ...]:
    """Read sources; each at most once.

    Raises:
        SpecError: one is not understood, at the field ``from``.
    """
    return tuple(dict.fromkeys(_parsed(text) for text in texts if text))


def _parsed(text: str) -> Source:
    kind, _, name = text.partition(":")
    for known in get_args(SourceKind):
        if kind == known and name:
            return Source(known, name)
    raise SpecError(
        {FIELD: f"{text!r} is no source; write search:12, group:ID, space:NAME or benchmark:NAME"}
    )


def find(session: Session, sources: Sequence[Source]) -> Found:
    """Look sources up.

    Raises:
        SpecError: one is not there, or they are of several spaces; at the field ``from``.
    """
    if not sources:
        raise SpecError({FIELD: "choose at least one search, space or benchmark"})
    found_jobs: dict[int, Job] = {}
    tables: dict[str, TableInfo] = {}
    spaces: dict[str, str] = {}  # by source
    for source in sources:
        if source.kind == "benchmark":
            table = _table(session, source.name)
            tables[table.name] = table
            spaces[str(source)] = table.space
            continue
        members = _jobs(session, source)
        found_jobs.update({job.id: job for job in members})
        spaces[str(source)] = members[0].space if members else source.name
    _refuse_several_spaces(spaces)
    newest_first = sorted(found_jobs.values(), key=lambda job: -job.id)
    return Found(
        next(iter(spaces.values())),
        tuple(job for job in newest_first if job.num_trials),
        tuple(tables.values()),
    )


def offered(session: Session, given: Sequence[str] = ()) -> dict[str, str]:
    """What can be chosen, in words: benchmarks, spaces, groups, then the newest searches.

    Searches without a trial are left out, unless they are *given*.
    """
    listed = jobs.jobs_page(session, per_page=NUM_LISTED).rows
    options = {
        f"benchmark:{benchmark.name}": f"Benchmark {benchmark.name}"
        for benchmark in benchmarks.benchmarks(session)
    }
    options |= {
        f"space:{space}": f"All searches of {space}"
        for space in jobs.distinct_values(session, "space")
    }
    options |= {
        f"group:{group.id}": f"Group of {group.num_jobs}: {wording.shortened(group.name, 40)}"
        for group in jobs.groups(session)
    }
    return options | {
        f"search:{job.id}": _in_words(job)
        for job in listed
        if job.num_trials or f"search:{job.id}" in given
    }


def made_from(session: Session, chosen: Sequence[str]) -> dict[str, str]:
    """Searches with trials that were made from chosen ones and are not chosen, in words."""
    made: dict[str, str] = {}
    for source in chosen:
        kind, _, name = source.partition(":")
        if kind == "search" and name.isascii() and name.isdigit() and len(name) < 10:
            wanted = JobFilter(cloned_from=int(name))
            for job in jobs.jobs_page(session, wanted, per_page=NUM_MADE).rows:
                if job.num_trials and f"search:{job.id}" not in chosen:
                    made[f"search:{job.id}"] = _in_words(job)
    return made


def _in_words(job: Job) -> str:
    return f"Search {job.id}: {wording.shortened(job.name, 40)}"


def _jobs(session: Session, source: Source) -> Sequence[Job]:
    if source.kind == "search":
        name = source.name
        is_number = name.isascii() and name.isdigit() and len(name) < 10
        try:
            return [jobs.job(session, int(name) if is_number else 0)]
        except NotFound:
            raise SpecError({FIELD: f"there is no search {name}"}) from None
    is_space = source.kind == "space"
    wanted = JobFilter(space=source.name) if is_space else JobFilter(group=source.name)
    found = jobs.jobs_page(session, wanted, per_page=MAX_JOBS).rows
    if not found:
        what = f"no search of the space {source.name}" if is_space else f"no group {source.name}"
        raise SpecError({FIELD: f"there is {what}"})
    return found


def _table(session: Session, name: str) -> TableInfo:
    for benchmark in benchmarks.benchmarks(session):
        if benchmark.name == name:
            return TableInfo.model_validate(benchmark.info)
    raise SpecError({FIELD: f"there is no benchmark {name}; import it on the Data page"})


def _refuse_several_spaces(spaces: dict[str, str]) -> None:
    first_source, first_space = next(iter(spaces.items()))
    for source, space in spaces.items():
        if space != first_space:
            raise SpecError(
                {
                    FIELD: f"{source} is of {space}, {first_source} is of {first_space}: two "
                    "spaces have no architecture in common"
                }
            )
