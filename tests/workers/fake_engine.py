"""An engine that measures nothing: what it does at which trial is a parameter of its strategy.

``python -m tests.workers.fake_engine`` is a worker's child that runs it.
"""

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

from db.session import data_dir
from search.events import (
    Artifact,
    Checkpoint,
    Event,
    Log,
    Metric,
    Progress,
    Score,
    Snapshot,
    Trial,
    step_of,
)
from search.spaces import spaces
from search.spec import Spec
from workers import run_job

EVERY = 5  # trials between two checkpoints
SUPERNET = "5" * 32


def value(number: int) -> float:
    """The score of a trial."""
    return number * 7919 % 1009 / 8


def run(spec: Spec, *, resume=None, failures=None, part=None, **_seams) -> Iterator[Event]:
    """Trials 0, 1, ... with known values; crashes, hangs and raises where it is told to."""
    params = spec.strategy.params
    yield Log("info", "started")
    assert spec.budget.trials is not None
    trains = spec.supernet is not None and spec.supernet.recipe is not None
    if trains and not (resume or {}).get("is_trained"):
        yield from _train(params, step_of(resume or {}))
    numbers = range(spec.budget.trials) if part is None else part
    for place in range((resume or {}).get("next", 0), len(numbers)):
        time.sleep(params.get("pause_s", 0.0))
        cause = (failures or {}).get(place)
        if cause is None:
            _misbehave(params, numbers[place])
        yield _trial(spec, numbers[place], cause)
        if (place + 1) % EVERY == 0:
            yield Progress((place + 1) / len(numbers))
            yield Checkpoint({"next": place + 1, "is_trained": True})
    yield Checkpoint({"next": len(numbers), "is_trained": True})


def _train(params: dict[str, Any], done: int) -> Iterator[Event]:
    """As many steps as there are to be; some kill the process, once or whenever they come."""
    for step in range(done, params["steps"]):
        time.sleep(params.get("step_s", 0.0))
        if step in params.get("crash_once_at_steps", []) and _is_first(step):
            os.kill(os.getpid(), signal.SIGKILL)
        if step == params.get("crash_at_step"):
            os.kill(os.getpid(), signal.SIGKILL)
        yield Metric("loss mid", step, 1 / (step + 1))
        yield Snapshot("choices", step, {"counts": [[step]]})
        yield Progress(step / params["steps"] / 2)
        yield Checkpoint({"training": {"step": step + 1}})
    yield Artifact("checkpoint", "supernet", SUPERNET, 9, {"space": "nasbench201"})
    yield Checkpoint({"is_trained": True})


def _is_first(step: int) -> bool:
    """Whether no process has come to this step before."""
    mark = data_dir() / f"step {step}"
    if mark.exists():
        return False
    mark.touch()
    return True


def part_of(spec: Spec, part: int, of: int) -> range:
    """Every so-many-th trial."""
    assert spec.budget.trials is not None
    return range(part, spec.budget.trials, of)


def provenance(spec: Spec, **_seams) -> dict[str, str]:
    """Nothing much."""
    return {"engine": "fake"}


def _trial(spec: Spec, number: int, cause: str | None) -> Trial:
    space = spaces[spec.space.name]
    arch = space.at(number % space.size)
    scores = tuple(
        Score(
            objective=objective.name,
            kind="proxy",
            status="failed" if cause else "ok",
            value=None if cause else value(number) + place,
            memory_key=f"{number}-{place}",
            details={"error": cause} if cause else {},
        )
        for place, objective in enumerate(spec.objectives)
    )
    return Trial(number, arch, space.key(arch), (), "failed" if cause else "done", scores)


def _misbehave(params: dict[str, object], number: int) -> None:
    if number == params.get("hang_at"):
        time.sleep(3600)
    if number == params.get("crash_at"):
        os.kill(os.getpid(), signal.SIGKILL)
    if number == params.get("print_at"):
        print("a plug-in that prints")  # noqa: T201
    if number == params.get("raise_at"):
        raise ValueError("postgresql://ann:secret@host/db is not reachable")


if __name__ == "__main__":
    import sys

    run_job.main(lambda: sys.modules[__name__])
