"""A search as it runs alone, in a process of its own, to hold a disturbed one against."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.spec import parse_submission

_ALONE = """
import json, sys, tempfile
from dataclasses import asdict
from pathlib import Path
from search.run import run
from search.spec import Spec
spec = Spec.model_validate(json.loads(sys.argv[1]))
found = {}
with tempfile.TemporaryDirectory() as folder:
    for event in run(spec, data_dir=Path(folder)):
        found.setdefault(type(event).__name__, []).append(asdict(event))
json.dump(found, sys.stdout)
"""


def events_alone(content: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """What the search that *content* describes yields on one thread, as JSON by kind of event."""
    (spec,) = parse_submission(dict(content)).specs()
    said = subprocess.run(
        [sys.executable, "-c", _ALONE, spec.model_dump_json()],
        env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    found: dict[str, list[dict[str, Any]]] = json.loads(said.stdout)
    return found


def trials_alone(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every trial of the search that *content* describes."""
    return events_alone(content)["Trial"]
