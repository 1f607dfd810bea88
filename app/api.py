"""The HTTP API under /api: the same questions, checks and messages as the pages, as JSON."""

import html
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Annotated, Any, Literal

from fastapi import Body, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, StreamingResponse
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, Route

from app import artifact_routes, cached, export
from app.as_json import job_as_json, whole_job_as_json, worker_as_json
from app.board import routes as board_routes
from app.filters import trial_filter
from app.front import front
from app.measures import Measure, default_axes, measures_of
from db import jobs, trials, workers
from db.errors import NotFound, RecordError, StorageUnusable
from db.job_list import SORTABLE
from db.jobs import JobFilter
from db.models import Job, JobState
from db.session import reading
from search.catalogue import Catalogue
from search.errors import SearchError, SpecError
from search.spaces import spaces
from search.spec import read_yaml
from workers import queue
from workers.catalogue import catalogue

MAX_BODY_MB = 4
MAX_PER_PAGE = 1000
WORDS = {
    NotFound: 404,
    StorageUnusable: 503,
    SpecError: 422,
    RecordError: 409,
    SearchError: 422,
}

PageNumber = Annotated[int, Query(ge=1, le=10_000_000)]
PerPage = Annotated[int, Query(ge=1, le=MAX_PER_PAGE)]
Action = Literal["cancel", "pause", "resume", "retry"]


def create_api() -> FastAPI:
    """The API as an application of its own, to be mounted under /api."""
    api = FastAPI(title="Archfront", version="1", docs_url=None, redoc_url=None)
    for kind in (*WORDS, SQLAlchemyError, RequestValidationError):
        api.add_exception_handler(kind, _answer)
    api.get("/", include_in_schema=False)(_contents(api))
    api.get("/catalogue", summary="What living workers offer")(_catalogue)
    api.get("/workers", summary="Workers that live")(_workers)
    api.get("/jobs", summary="Jobs, filtered, sorted and paged")(_jobs)
    api.post("/jobs", status_code=201, summary="Submit a spec: JSON, or YAML as text")(_submit)
    api.get("/jobs/{job_id}", summary="Everything about one job but its trials")(_job)
    api.post("/jobs/{job_id}/clone", status_code=201, summary="Submit a job's spec again")(_clone)
    api.post("/jobs/{job_id}/{action}", summary="Cancel, pause, resume or retry")(_act)
    api.get("/jobs/{job_id}/trials", summary="Trials, filtered, sorted and paged")(_trials)
    api.get("/jobs/{job_id}/trials.csv", summary="All trials as CSV")(_csv)
    api.get("/jobs/{job_id}/trials.json", summary="All trials as one JSON document")(_json)
    api.get("/jobs/{job_id}/front", summary="The front for two objectives")(_front)
    api.get("/jobs/{job_id}/log", summary="Lines of the log")(_log)
    api.get("/archs/{arch_id}", summary="An architecture and its scores everywhere")(_arch)
    api.get("/archs/{arch_id}/genotype.json", summary="The architecture for other tools")(
        _genotype
    )
    api.get("/archs/{arch_id}/code.py", summary="Its network as PyTorch code")(_code)
    artifact_routes.add_to(api)
    board_routes.add_to(api)
    return api


def plain_routes() -> list[BaseRoute]:
    """/healthz and /metrics, for whoever watches the server."""
    return [Route("/healthz", _health), Route("/metrics", _metrics)]


def _answer(request: Request, error: Exception) -> JSONResponse:
    """An error as JSON: what is wrong, by field where there are fields."""
    if isinstance(error, RequestValidationError):
        fields = {".".join(map(str, e["loc"][1:])): e["msg"] for e in error.errors()}
        return JSONResponse({"detail": "the request is wrong", "fields": fields}, 422)
    if isinstance(error, SQLAlchemyError):
        return JSONResponse({"detail": "the database did not answer"}, 503)
    status = next(code for kind, code in WORDS.items() if isinstance(error, kind))
    content: dict[str, Any] = {"detail": str(error)}
    if isinstance(error, SpecError):
        content["fields"] = error.fields
    return JSONResponse(content, status)


def _catalogue() -> Catalogue:
    with reading() as session:
        return catalogue(session)


def _workers() -> list[dict[str, Any]]:
    with reading() as session:
        return [worker_as_json(worker) for worker in workers.living(session)]


def _jobs(  # noqa: PLR0913  # each is a part of the query
    q: Annotated[str, Query(max_length=200, description="part of a name, or a number")] = "",
    state: Annotated[list[JobState] | None, Query()] = None,
    space: str | None = None,
    strategy: str | None = None,
    owner: str | None = None,
    group: str | None = None,
    sort: Literal[tuple(SORTABLE)] = "created_at",  # type: ignore[valid-type]
    descending: bool = True,
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> dict[str, Any]:
    wanted = JobFilter(q, tuple(state or ()), space, strategy, owner, group=group)
    with reading() as session:
        found = jobs.jobs_page(
            session, wanted, sort=sort, descending=descending, page=page, per_page=per_page
        )
        return {"total": found.total, "jobs": [job_as_json(job) for job in found.rows]}


async def _submit(request: Request) -> dict[str, list[int]]:
    body = await _body(request)
    return {"jobs": await _in_thread(lambda: queue.submit(queue.read(read_yaml(body))))}


def _job(job_id: int) -> dict[str, Any]:
    with reading() as session:
        found = jobs.job(session, job_id)
        position = jobs.queue_position(session, job_id)
        whole = whole_job_as_json(found, jobs.history(session, job_id))
    return {**whole, "queue_position": position, "version": found.version}


def _clone(
    job_id: int, changes: Annotated[dict[str, Any] | None, Body()] = None
) -> dict[str, list[int]]:
    return {"jobs": queue.clone(job_id, changes)}


def _act(job_id: int, action: Action) -> dict[str, Any]:
    asked: dict[str, Callable[[int], JobState]] = {
        "cancel": queue.cancel,
        "pause": queue.pause,
        "resume": queue.resume,
        "retry": queue.retry,
    }
    return {"id": job_id, "state": asked[action](job_id)}


def _trials(  # noqa: PLR0913  # each is a part of the query
    job_id: int,
    state: Annotated[list[str] | None, Query()] = None,
    where: Annotated[str, Query(max_length=2000, description="such as nwot>=1200")] = "",
    arch: Annotated[
        str, Query(max_length=2000, description="an architecture, or a part of its exact key")
    ] = "",
    sort: Annotated[str | None, Query(description="an objective; by number if left out")] = None,
    descending: bool = False,
    page: PageNumber = 1,
    per_page: PerPage = 50,
) -> dict[str, Any]:
    with reading() as session:
        job = jobs.job(session, job_id)
        names = [part["name"] for part in job.spec["objectives"]]
        found = trials.trials_page(
            session,
            job_id,
            trial_filter(names, states=state or (), where=where, text=_key(arch, job.space)),
            sort=None if sort is None else _place(names, sort, "sort"),
            descending=descending,
            page=page,
            per_page=per_page,
        )
        return {
            "total": found.total,
            "trials": [_trial_as_json(line, names, job.space) for line in found.rows],
        }


def _csv(job_id: int) -> StreamingResponse:
    return _download(job_id, export.trials_as_csv, "text/csv", "csv")


def _json(job_id: int) -> StreamingResponse:
    return _download(job_id, export.trials_as_json, "application/json", "json")


def _front(job_id: int, x: str | None = None, y: str | None = None) -> dict[str, Any]:
    with reading() as session:
        job = jobs.job(session, job_id)
        offered = catalogue(session)
    measures = measures_of(job.spec, offered)
    names = [measure.name for measure in measures]
    across, upwards = default_axes(measures)
    across = measures[_place(names, x, "x")] if x else across
    upwards = measures[_place(names, y, "y")] if y else upwards
    columns = cached.columns(job_id, job.version)
    found = front(columns, across, upwards)
    return {
        "x": _measure_as_json(across),
        "y": _measure_as_json(upwards),
        "knee": None if found.knee_row is None else int(columns.numbers[found.knee_row]),
        "front": [
            {
                "trial": int(columns.numbers[row]),
                "arch_id": columns.arch_ids[row].decode(),
                "x": float(columns.values[row, across.place]),
                "y": float(columns.values[row, upwards.place]),
            }
            for row in found.rows_K
        ],
    }


def _log(
    job_id: int,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 500,
) -> list[dict[str, Any]]:
    with reading() as session:
        jobs.job(session, job_id)
        lines = trials.log_tail(session, job_id, after=after, limit=limit)
    return [
        {"number": n.number, "at": n.at.isoformat(), "level": n.level, "message": n.message}
        for n in lines
    ]


def _arch(arch_id: str) -> dict[str, Any]:
    with reading() as session:
        arch = trials.arch(session, arch_id)
        known = trials.scores_of_arch(session, arch_id)
        met = trials.jobs_of_arch(session, arch_id)
    return {
        **export.genotype(arch),
        "scores": [vars(score) for score in known],
        "trials": [vars(meeting) for meeting in met],
    }


def _genotype(arch_id: str) -> JSONResponse:
    with reading() as session:
        content = export.genotype(trials.arch(session, arch_id))
    return JSONResponse(content, headers=_as_file(f"{arch_id}.json"))


def _code(arch_id: str, job: int | None = None) -> PlainTextResponse:
    with reading() as session:
        arch = trials.arch(session, arch_id)
        met = trials.jobs_of_arch(session, arch_id, limit=1)
        builder = jobs.job(session, job if job is not None else met[0].job_id)
        code = export.network_code(arch, builder, catalogue(session))
    return PlainTextResponse(code, media_type="text/x-python", headers=_as_file(f"{arch_id}.py"))


def _health(request: Request) -> JSONResponse:
    """Whether the server can answer: it must reach the database."""
    try:
        with reading() as session:
            session.execute(text("SELECT 1"))
    except (SQLAlchemyError, RecordError):
        return JSONResponse({"status": "the database did not answer"}, 503)
    return JSONResponse({"status": "ok"})


def _metrics(request: Request) -> PlainTextResponse:
    """What there is to count, in the text format of Prometheus."""
    with reading() as session:
        counts = jobs.counts_by_state(session)
        num_workers = len(workers.living(session))
    lines = ["# TYPE archfront_jobs gauge"]
    lines += [f'archfront_jobs{{state="{state}"}} {counts.get(state, 0)}' for state in JobState]
    lines += ["# TYPE archfront_workers gauge", f"archfront_workers {num_workers}"]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


def _contents(api: FastAPI) -> Callable[[], HTMLResponse]:
    """A page that lists the routes; it needs nothing from elsewhere."""

    def contents() -> HTMLResponse:
        rows = "".join(
            f"<tr><td>{method.upper()}</td><td><code>/api{html.escape(path)}</code></td>"
            f"<td>{html.escape(operation.get('summary', ''))}</td></tr>"
            for path, operations in api.openapi()["paths"].items()
            for method, operation in operations.items()
        )
        return HTMLResponse(
            "<!doctype html><html lang=en><meta charset=utf-8><title>Archfront API</title>"
            "<body style='font-family:sans-serif;max-width:60rem;margin:2rem auto'>"
            "<h1>Archfront API</h1><p>The schema: <a href='/api/openapi.json'>openapi.json</a>."
            f"</p><table cellpadding=6>{rows}</table></body></html>"
        )

    return contents


async def _body(request: Request) -> str:
    """The text of a request, refused when it is too large."""
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_BODY_MB * 2**20:
            raise SpecError({"": f"a spec has at most {MAX_BODY_MB} MB"})
        pieces.append(piece)
    return b"".join(pieces).decode("utf-8", "replace")


async def _in_thread(work: Callable[[], list[int]]) -> list[int]:
    return await run_in_threadpool(work)


def _download(
    job_id: int, export_as: Callable[[Session, Job], Iterator[str]], media: str, ending: str
) -> StreamingResponse:
    with reading() as session:
        jobs.job(session, job_id)

    def content() -> Iterator[str]:
        with reading() as session:
            yield from _in_pieces(export_as(session, jobs.job(session, job_id)))

    return StreamingResponse(
        content(), media_type=media, headers=_as_file(f"archfront-job-{job_id}.{ending}")
    )


def _in_pieces(lines: Iterator[str], num: int = 500) -> Iterator[str]:
    """Some lines at a time: each piece costs the server a turn."""
    while piece := "".join(islice(lines, num)):
        yield piece


def _place(names: list[str], name: str, field: str) -> int:
    if name not in names:
        raise SpecError({field: f"there is no objective {name}; choose of {', '.join(names)}"})
    return names.index(name)


def _key(arch: str, in_space: str) -> str:
    """The key of an architecture that is written out; of a part of a key, that part."""
    space = spaces.get(in_space)
    try:
        return space.key(space.decode(arch)) if space and arch else arch
    except ValueError:
        return arch


def _trial_as_json(line: trials.TrialLine, names: list[str], in_space: str) -> dict[str, Any]:
    space = spaces.get(in_space)
    return {
        "number": line.number,
        "arch_id": line.arch_id,
        "arch": space.encode(line.choices) if space else line.arch_key,
        "state": line.state,
        "parents": line.parents,
        "violation": line.violation,
        "clock_s": line.clock_s,
        "created_at": line.created_at.isoformat(),
        "scores": {names[place]: vars(score) for place, score in line.scores.items()},
    }


def _measure_as_json(measure: Measure) -> dict[str, Any]:
    return {"name": measure.name, "direction": measure.direction, "unit": measure.unit}


def _as_file(name: str) -> dict[str, str]:
    return {"Content-Disposition": f'attachment; filename="{name}"'}
