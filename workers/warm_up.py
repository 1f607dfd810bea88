"""Do once, while no job waits for it, what the first trial of every job would wait for."""

import logging
import tempfile
from contextlib import suppress
from pathlib import Path

from db.errors import RecordError
from db.session import require_current_schema
from search import run
from search.errors import SearchError
from search.spec import Spec

_SPEC = {
    "name": "warm-up",
    "space": {"name": "nasbench201"},
    "network": {"channels": 4, "cells": 1},
    "data": {"name": "digits", "batch_size": 4},
    "objectives": ["macs", "snip"],
    "strategy": {"name": "random"},
    "budget": {"trials": 1},
}

log = logging.getLogger(__name__)


def warm_up() -> None:
    """Find the plug-ins, open the data set that comes with them, run one small network.

    The database is opened too. What goes wrong here goes wrong again, and is told, with the job.
    """
    with suppress(RecordError):
        require_current_schema()
    spec = Spec.model_validate(_SPEC)
    try:
        with tempfile.TemporaryDirectory() as folder:
            run.provenance(spec, data_dir=Path(folder))
            for _ in run.run(spec, data_dir=Path(folder)):
                pass
    except SearchError as error:
        log.warning("the warm-up went wrong: %s", error)
