"""Jobs, trials and scores to make claims about."""

from typing import Any

from db import jobs, trials

SPEC = {
    "objectives": [
        {"name": "accuracy", "direction": "maximize"},
        {"name": "latency_ms", "direction": "minimize"},
    ]
}


def new_job(**changes: Any) -> jobs.NewJob:
    """A job as it is submitted, with these things different."""
    values: dict[str, Any] = {
        "name": "a search",
        "owner": "ada",
        "project": "default",
        "spec": SPEC,
        "space": "nasbench201",
        "strategy": "random",
        "spec_digest": "0" * 32,
        "seed": 0,
    }
    return jobs.NewJob(**(values | changes))


def batch(
    numbers: range | list[int], values: tuple[float, float] = (0.5, 3.0), **more: Any
) -> trials.Batch:
    """Feasible trials of these numbers, every one with the same two values."""
    return trials.Batch(
        trials=[trial(number) for number in numbers],
        scores=[score(number, place, values[place]) for number in numbers for place in (0, 1)],
        **more,
    )


def trial(number: int, **changes: Any) -> trials.TrialRow:
    """A feasible trial of an arch of its own."""
    values: dict[str, Any] = {"arch_key": f"key {number}", "choices": [number], "state": "done"}
    return trials.TrialRow(number, **(values | changes))


def score(number: int, objective: int, value: float | None, **changes: Any) -> trials.ScoreRow:
    """A score that is ok when it has a value."""
    values: dict[str, Any] = {
        "kind": "proxy",
        "status": "ok" if value is not None else "undefined",
    }
    return trials.ScoreRow(number, objective, value=value, **(values | changes))
