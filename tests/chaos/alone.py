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
from search.events import Trial
from search.run import run
from search.spec import Spec
spec = Spec.model_validate(json.loads(sys.argv[1]))
with tempfile.TemporaryDirectory() as folder:
    found = [event for event in run(spec, data_dir=Path(folder)) if isinstance(event, Trial)]
json.dump([asdict(trial) for trial in found], sys.stdout)
"""


def trials_alone(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Every trial of the search that *content* describes, as JSON, on one thread."""
    (spec,) = parse_submission(dict(content)).specs()
    said = subprocess.run(
        [sys.executable, "-c", _ALONE, spec.model_dump_json()],
        env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    found: list[dict[str, Any]] = json.loads(said.stdout)
    return found
