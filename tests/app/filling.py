"""Fill a record as workers would: jobs in every state, trials by the thousand."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from db import benchmarks, jobs, trials, workers
from db.models import JobState
from db.session import transaction, upgrade
from search.catalogue import Catalogue, Device, Plugin, TableColumn, TableInfo
from search.spaces import spaces
from tests.app import recipes
from tests.app.schemas import integer, schema

S = JobState
SPACE = "nasbench201"
ENDS = (S.SUCCEEDED, S.FAILED, S.CANCELLED, S.PAUSED)
MEASURES = {
    "nwot": ("proxy", "maximize", ""),
    "synflow": ("proxy", "maximize", ""),
    "macs": ("cost", "minimize", "multiply-adds"),
    "params": ("cost", "minimize", "parameters"),
    "latency_ms": ("cost", "minimize", "ms"),
}


def offered() -> Catalogue:
    measures = [
        Plugin(
            kind=kind,
            name=name,
            summary=f"What {name} says.",
            parameters=schema(repeats=integer(30, 1, 1000)) if name == "latency_ms" else {},
            traits={"direction": direction, "unit": unit, "evidence": "code"},
        )
        for name, (kind, direction, unit) in MEASURES.items()
    ]
    return Catalogue(
        plugins=(
            Plugin(
                kind="space",
                name=SPACE,
                summary="Cells of NAS-Bench-201.",
                traits={"size": 15625, "equivalences": ["exact", "isomorphic", "function"]},
            ),
            Plugin(
                kind="network",
                name=SPACE,
                parameters=schema(channels=integer(16, 1, 256), cells=integer(5, 1, 20)),
            ),
            Plugin(kind="strategy", name="exhaustive", summary="Every architecture, in order."),
            Plugin(kind="strategy", name="random", summary="Uniform draws."),
            Plugin(
                kind="strategy",
                name="regularized_evolution",
                summary="Aging evolution.",
                parameters=schema(
                    population=integer(10, 2, 1000),
                    guide={
                        "anyOf": [
                            {"type": "integer", "minimum": 1, "maximum": 32},
                            {"type": "null"},
                        ],
                        "default": None,
                    },
                ),
                traits={"takes_warm_start": True},
            ),
            Plugin(
                kind="strategy",
                name="nsga2",
                summary="Non-dominated sorting.",
                parameters=schema(
                    population=integer(50, 4, 1000, "How many survive."),
                    mutation={
                        "type": "number",
                        "default": 0.1,
                        "exclusiveMinimum": 0,
                        "maximum": 1,
                    },
                    selection={"enum": ["crowding", "random"], "default": "crowding"},
                    elitist={"type": "boolean", "default": True},
                ),
            ),
            Plugin(
                kind="strategy",
                name="listed",
                summary="Chosen architectures.",
                parameters=schema(
                    archs={
                        "type": "array",
                        "items": {"type": "string", "format": "arch"},
                        "default": [],
                    }
                ),
                traits={"visits_once": True},
            ),
            Plugin(
                kind="training",
                name="accuracy",
                summary="Top-1 after a training alone.",
                parameters=schema(epochs=integer(12, 1, 1000), horizon=integer(0, 0, 1000)),
                traits={"direction": "maximize", "unit": "%", "needs_data": "images"},
            ),
            Plugin(
                kind="dataset",
                name="digits",
                summary="Handwritten digits.",
                traits={"available": True, "shape": [1, 8, 8], "num_classes": 10},
            ),
            Plugin(
                kind="dataset",
                name="cifar10",
                summary="CIFAR-10.",
                traits={"available": False, "reason": "put the archive into the data folder"},
            ),
            *measures,
            *recipes.plugins(),
        ),
        devices=(Device(type="cpu", name="test processor", threads=2),),
    )


def add_worker(session: Session, name: str = "worker-1") -> None:
    said = workers.Report(
        id=name,
        host="machine",
        pid=4242,
        queues=["cpu"],
        catalogue=offered().model_dump(mode="json"),
    )
    workers.report(session, said)


def add_table(session: Session) -> None:
    info = TableInfo(
        name="nb201",
        space=SPACE,
        columns=(TableColumn(name="cifar10_test", unit="%", direction="maximize"),),
        clock="seconds",
        num_archs=15625,
        digest="0" * 32,
    )
    benchmarks.add_benchmark(
        session,
        benchmarks.NewBenchmark(
            name="nb201",
            space=SPACE,
            info=info.model_dump(mode="json"),
            num_archs=15625,
            digest=info.digest,
            content=b"",
        ),
    )


def a_spec(
    name: str, objectives: Sequence[str] = ("nwot", "macs"), **fields: Any
) -> dict[str, Any]:
    return {
        "version": 1,
        "name": name,
        "space": {"name": SPACE, "params": {}},
        "network": {},
        "data": {"name": "digits", "params": {}, "batch_size": 64},
        "objectives": [
            {"name": o, "metric": o, "params": {}, "direction": MEASURES[o][1]} for o in objectives
        ],
        "strategy": {"name": "random", "params": {}},
        "budget": {"trials": 1000, "trial_timeout_s": 600.0},
        "seed": 0,
        "device": "cpu",
        **fields,
    }


def add_job(session: Session, spec: dict[str, Any], **fields: Any) -> int:
    new = jobs.NewJob(
        name=spec["name"],
        owner=fields.pop("owner", "local"),
        project="default",
        spec=spec,
        space=spec["space"]["name"],
        strategy=spec["strategy"]["name"],
        spec_digest="0" * 32,
        seed=spec["seed"],
        **fields,
    )
    return jobs.add_job(session, new).id


def claimed(session: Session, job_id: int) -> str:
    claim = jobs.claim(session, job_id, worker_id="worker-1", lease_s=3600)
    assert claim is not None
    return claim.token


@dataclass(frozen=True)
class Values:
    """Made-up scores of archs: related as they are in life, quick to make."""

    choices: np.ndarray
    by_objective: dict[str, np.ndarray]


def made_up(num: int, seed: int = 0) -> Values:
    rng = np.random.default_rng(seed)
    indices = np.arange(num) if num == 15625 else rng.integers(15625, size=num)
    choices = np.array([spaces[SPACE].at(int(i)) for i in range(15625)])[indices]
    big = (choices == choices.max()).sum(1) + rng.random(num)
    macs = 7.8e6 + 1.3e7 * big
    return Values(
        choices,
        {
            "macs": macs,
            "params": macs / 130 + 5e4,
            "nwot": 900 + 120 * np.log1p(big) + rng.normal(0, 30, num),
            "synflow": np.exp(10 + 3 * big + rng.normal(0, 2, num)),
            "latency_ms": 1 + big + rng.gamma(2, 0.3, num),
        },
    )


def add_trials(session: Session, job_id: int, token: str, num: int, seed: int = 0) -> None:
    """A batch as a worker writes it, every kind of status in it."""
    spec = jobs.job(session, job_id).spec
    names = [part["name"] for part in spec["objectives"]]
    values = made_up(num, seed)
    states = ["infeasible" if i % 11 == 5 else "done" for i in range(num)]
    states = ["failed" if i % 37 == 20 else state for i, state in enumerate(states)]
    archs = [tuple(int(c) for c in row) for row in values.choices]
    rows = [
        trials.TrialRow(
            number=i,
            arch_key=spaces[SPACE].key(arch),
            choices=arch,
            state=states[i],
            parents=(i - 1,) if i % 3 else (),
        )
        for i, arch in enumerate(archs)
    ]
    scores = [
        _score(i, place, name, float(values.by_objective[name][i]), states[i])
        for i in range(num)
        for place, name in enumerate(names)
    ]
    batch = trials.Batch(
        trials=rows,
        scores=scores,
        logs=[trials.LogRow("info", f"{num} trials <b>so far</b>")],
        progress=trials.ProgressRow(min(num / 1000, 1), 245.0, f"{num} of 1,000 trials"),
        provenance={"p" * 32: {"torch": "2.13", "device": "cpu", "threads": 2}},
        environment={"torch": "2.13", "device": "cpu"},
    )
    trials.record(session, job_id, token, batch)


def _score(number: int, place: int, name: str, value: float, state: str) -> trials.ScoreRow:
    failed = state == "failed" and place == 0
    undefined = number % 23 == 7 and place == 0
    status = "failed" if failed else "undefined" if undefined else "ok"
    return trials.ScoreRow(
        number=number,
        objective=place,
        kind=MEASURES[name][0],
        status=status,
        value=value if status == "ok" else None,
        seconds=0.21,
        from_memory=number % 5 == 1,
        details={"error": "out of memory"} if failed else {"raw": "nan"} if undefined else None,
        provenance_id="p" * 32,
    )


def add_finished(session: Session, name: str, num: int = 300, **fields: Any) -> int:
    end = fields.pop("end", S.SUCCEEDED)
    reason = fields.pop("reason", "every trial is done")
    seed = fields.get("seed", 0)
    job_id = add_job(session, a_spec(name, **fields))
    token = claimed(session, job_id)
    add_trials(session, job_id, token, num, seed)
    jobs.release(session, job_id, token, state=end, reason=reason)
    return job_id


def typical(session: Session) -> dict[str, int]:
    """One job in every state; ids by state."""
    add_worker(session)
    add_table(session)
    three = ("nwot", "macs", "latency_ms")
    ids = {
        "succeeded": add_finished(session, "NB201 digits sweep", 900, objectives=three),
        "failed": add_finished(
            session,
            "proxies <script>alert(1)</script> & *stars*",
            60,
            end=S.FAILED,
            reason="twenty trials in a row failed; the last with: out of memory",
        ),
        "one": add_finished(session, "a single look", 1),
    }
    group = "5f6c1ad2-0000-4000-8000-000000000001"
    for seed in range(3):
        job_id = add_job(session, a_spec("evolution, three seeds", seed=seed), group_id=group)
        ids[f"seed{seed}"] = job_id
    token = claimed(session, ids["seed0"])
    add_trials(session, ids["seed0"], token, 400, 3)
    ids["running"] = add_job(session, a_spec("live sweep", three))
    add_trials(session, ids["running"], claimed(session, ids["running"]), 610, 4)
    ids["cancelling"] = add_job(session, a_spec("about to end"))
    claimed(session, ids["cancelling"])
    jobs.cancel(session, ids["cancelling"], "ada")
    ids["pausing"] = add_job(session, a_spec("about to pause"))
    claimed(session, ids["pausing"])
    jobs.pause(session, ids["pausing"], "ada")
    ids["paused"] = add_job(session, a_spec("resting"))
    jobs.pause(session, ids["paused"], "ada")
    ids["cancelled"] = add_job(session, a_spec("never mind"))
    jobs.cancel(session, ids["cancelled"], "ada")
    ids["draft"] = add_job(session, a_spec("not yet"), state=S.DRAFT)
    ids["queued"] = add_job(session, a_spec("waiting", three), cloned_from=ids["succeeded"])
    return ids


def add_big(session: Session, num: int, name: str = "big") -> int:
    """A finished job of so many trials, as a worker would have written them."""
    job_id = add_job(session, a_spec(name, ("nwot", "macs"), budget={"trials": num}))
    token = claimed(session, job_id)
    space = spaces[SPACE]
    archs = [space.at(i) for i in range(15625)]
    keys = [space.key(arch) for arch in archs]
    rng = np.random.default_rng(1)
    for start in range(0, num, 10_000):
        numbers = range(start, min(start + 10_000, num))
        places = rng.integers(15625, size=len(numbers)).tolist()
        big = rng.gamma(3, 1, len(numbers))
        nwot = (900 + 120 * np.log1p(big) + rng.normal(0, 30, len(numbers))).tolist()
        macs = (7.8e6 + 1.3e7 * big).tolist()
        rows = [
            trials.TrialRow(number=n, arch_key=keys[i], choices=archs[i], state="done")
            for n, i in zip(numbers, places, strict=True)
        ]
        scores = [
            trials.ScoreRow(n, place, kind, "ok", value, 0.01)
            for place, (kind, values) in enumerate((("proxy", nwot), ("cost", macs)))
            for n, value in zip(numbers, values, strict=True)
        ]
        trials.record(session, job_id, token, trials.Batch(trials=rows, scores=scores))
    jobs.release(session, job_id, token, state=S.SUCCEEDED, reason="every trial is done")
    return job_id


def main(*sizes: str) -> None:
    """Fill the database that DATA_DIR names; further arguments are sizes of big jobs."""
    upgrade()
    with transaction() as session:
        ids = typical(session)
    for size in sizes:
        with transaction() as session:
            ids[size] = add_big(session, int(size), f"{int(size):,} trials")
    sys.stdout.write(json.dumps(ids) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
