"""Checkpoints of runs: what all have in common."""

from collections.abc import Mapping
from typing import Any

from search.errors import RunError
from search.events import Checkpoint
from search.spec import Spec

CHECKPOINT_VERSION = 2


def checkpoint_of(spec: Spec, **parts: Any) -> Checkpoint:  # noqa: ANN401  # JSON
    """Where a run of *spec* goes on."""
    return Checkpoint({"version": CHECKPOINT_VERSION, "spec": spec.digest(), **parts})


def require_own(resume: Mapping[str, Any], spec: Spec) -> None:
    """Refuse what is of another search.

    Raises:
        RunError: it is, or it is of another version.
    """
    if resume.get("version") != CHECKPOINT_VERSION or resume["spec"] != spec.digest():
        raise RunError("the checkpoint belongs to another search or another version; retry it")
