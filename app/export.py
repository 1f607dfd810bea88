"""What leaves Archfront: the trials of a search, and one architecture as genotype or code."""

import csv
import io
import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy.orm import Session

from db import trials
from db.models import Arch, Job
from search.catalogue import Catalogue
from search.errors import DataError
from search.spaces import spaces


def trials_as_csv(session: Session, job: Job) -> Iterator[str]:
    """A header, then one line for each trial; an empty cell where a score has no value."""
    table = trials.columns(session, job.id)
    named = [column for name in table.objectives for column in (name, f"{name} status")]
    yield csv_line(["trial", "arch", "arch_id", "state", "clock_s", *named])
    for trial in _trials(session, job, table):
        scores = [cell for s in trial.pop("scores") for cell in (s["value"], s["status"])]
        yield csv_line([*trial.values(), *scores])


def trials_as_json(session: Session, job: Job) -> Iterator[str]:
    """The spec and every trial, as the pieces of one JSON document."""
    table = trials.columns(session, job.id)
    yield f'{{"job": {job.id}, "spec": {json.dumps(job.spec)}, "trials": ['
    for number, trial in enumerate(_trials(session, job, table)):
        yield (",\n" if number else "\n") + json.dumps(trial, allow_nan=False)
    yield "\n]}\n"


def genotype(arch: Arch) -> dict[str, Any]:
    """The architecture in the forms that other tools read."""
    choices = tuple(arch.choices)
    found: dict[str, Any] = {"id": arch.id, "space": arch.space, "choices": arch.choices}
    space = spaces.get(arch.space)
    if space is None:
        return {**found, "arch": arch.key}
    decisions = zip(space.decisions, choices, strict=True)
    return {
        **found,
        "arch": space.encode(choices),
        "index": space.index(choices),
        "decisions": {decision.name: decision.choices[choice] for decision, choice in decisions},
        "keys": {name: space.key(choices, name) for name in space.equivalences},
    }


def network_code(arch: Arch, job: Job, catalogue: Catalogue) -> str:
    """PyTorch code of the architecture's network as *job* built it; needs torch and nothing else.

    Raises:
        DataError: the space is not known here, or the shape of the images is not.
    """
    space = spaces.get(arch.space)
    if space is None:
        raise DataError(f"the space {arch.space} is not installed here, so it cannot be written")
    shape, num_classes = _images(job, catalogue)
    return space.python_source(
        tuple(arch.choices),
        shape=shape,
        num_classes=num_classes,
        params=job.spec.get("network") or {},
    )


def _images(job: Job, catalogue: Catalogue) -> tuple[tuple[int, int, int], int]:
    name = job.spec["data"]["name"]
    dataset = catalogue.plugin("dataset", name)
    traits = dataset.traits if dataset else {}
    if "shape" not in traits or "num_classes" not in traits:
        raise DataError(f"no living worker has the data set {name}, so its images are not known")
    channels, height, width = traits["shape"]
    return (channels, height, width), traits["num_classes"]


def _trials(session: Session, job: Job, table: trials.Columns) -> Iterator[dict[str, Any]]:
    space = spaces.get(job.space)
    for row, (choices, _) in enumerate(trials.visited(session, job.id)):
        clock_s = float(table.clock_s[row])
        yield {
            "trial": int(table.numbers[row]),
            "arch": space.encode(tuple(choices)) if space else str(list(choices)),
            "arch_id": table.arch_ids[row].decode(),
            "state": trials.TRIAL_STATES[table.states[row]],
            "clock_s": None if math.isnan(clock_s) else clock_s,
            "scores": [_score(table, row, place) for place in range(len(table.objectives))],
        }


def _score(table: trials.Columns, row: int, place: int) -> dict[str, Any]:
    status = int(table.statuses[row, place])
    value = float(table.values[row, place])
    return {
        "objective": table.objectives[place],
        "status": trials.SCORE_STATUSES[status] if status >= 0 else "missing",
        "value": None if math.isnan(value) else value,
        "from_memory": bool(table.from_memory[row, place]),
    }


def csv_line(cells: Iterable[object]) -> str:
    """Cells as a line of CSV that no spreadsheet takes for formulas."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(_unexecutable(cell) for cell in cells)
    return line.getvalue()


def _unexecutable(cell: Any) -> Any:  # noqa: ANN401
    """A spreadsheet runs text that begins like a formula; a quote in front keeps it text."""
    if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{cell}"
    return cell
