"""What trainings tell and make, over HTTP: metrics, snapshots, files."""

from typing import Annotated, Any

from fastapi import FastAPI, Header, Query
from fastapi.responses import FileResponse, Response

from app.artifacts import artifact_as_json, file_name, whole_file
from db import artifacts, jobs, metrics, snapshots
from db.session import reading

MAX_SNAPSHOTS = 20  # in one answer: each may have megabytes

Name = Annotated[str, Query(max_length=64)]
Since = Annotated[int | None, Query(ge=0, le=2**31 - 1, description="this step and later ones")]
Limit = Annotated[int, Query(ge=1, le=MAX_SNAPSHOTS)]


def add_to(api: FastAPI) -> None:
    """Add these routes."""
    api.get("/jobs/{job_id}/metrics", summary="Values of the run over its steps")(_metrics)
    api.get("/jobs/{job_id}/snapshots", summary="What the run looked like at a step")(_snapshots)
    api.get("/jobs/{job_id}/artifacts", summary="Files that the job has made")(_artifacts)
    api.get("/artifacts/{digest}", summary="A file, by its digest")(_artifact)


def _metrics(
    job_id: int, name: Annotated[list[str] | None, Query()] = None, since: Since = None
) -> dict[str, list[dict[str, Any]]]:
    with reading() as session:
        jobs.job(session, job_id)
        found = metrics.metrics(session, job_id, since=since)
    return {
        series: [{"step": step, "value": value} for step, value in points]
        for series, points in found.items()
        if name is None or series in name
    }


def _snapshots(
    job_id: int, name: Name = "", since: Since = None, limit: Limit = MAX_SNAPSHOTS
) -> dict[str, Any]:
    with reading() as session:
        jobs.job(session, job_id)
        if not name:
            kept = snapshots.snapshot_names(session, job_id)
            return {"names": {name: vars(of_name) for name, of_name in kept.items()}}
        found = snapshots.snapshots(session, job_id, name, since=since, limit=limit)
    return {"name": name, "snapshots": [vars(told) for told in found]}


def _artifacts(job_id: int) -> list[dict[str, Any]]:
    with reading() as session:
        jobs.job(session, job_id)
        return [artifact_as_json(row) for row in artifacts.artifacts(session, job_id)]


def _artifact(digest: str, if_none_match: Annotated[str, Header()] = "") -> Response:
    with reading() as session:
        found = artifacts.artifact(session, digest)
    path = whole_file(found)
    tag = f'"{digest}"'
    headers = {"ETag": tag, "Cache-Control": "private, max-age=31536000, immutable"}
    if tag in (part.strip().removeprefix("W/") for part in if_none_match.split(",")):
        return Response(status_code=304, headers=headers)
    return FileResponse(
        path,
        media_type="application/octet-stream",
        filename=file_name(found),
        headers=headers,
    )
