"""Results, proposals and random states as JSON, and back."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from search.strategies import Result


def results_as_json(results: Iterable[Result]) -> list[list[Any]]:
    """Number, arch, values and violation of each."""
    return [[r.number, list(r.arch), list(r.values), r.violation] for r in results]


def results_from_json(rows: Iterable[list[Any]]) -> list[Result]:
    """Inverse of :func:`results_as_json`."""
    return [
        Result(number, tuple(arch), tuple(values), violation)
        for number, arch, values, violation in rows
    ]


def rng_as_json(rng: np.random.Generator) -> dict[str, Any]:
    """The state of numpy's default bit generator."""
    state = rng.bit_generator.state
    assert state["bit_generator"] == "PCG64", "strategies draw from numpy's default_rng"
    return {
        # 128 bit integers as text: not every JSON reader keeps them whole
        "state": str(state["state"]["state"]),
        "inc": str(state["state"]["inc"]),
        "has_uint32": int(state["has_uint32"]),
        "uinteger": int(state["uinteger"]),
    }


def set_rng(rng: np.random.Generator, saved: Mapping[str, Any]) -> None:
    """Make *rng* draw on from what :func:`rng_as_json` saved."""
    rng.bit_generator.state = {
        "bit_generator": "PCG64",
        "state": {"state": int(saved["state"]), "inc": int(saved["inc"])},
        "has_uint32": saved["has_uint32"],
        "uinteger": saved["uinteger"],
    }
