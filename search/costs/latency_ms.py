"""Median time of one forward pass, measured here."""

import time
from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field

from search.costs import costs
from search.probe import Measurement, Probe
from search.traits import declares


@costs.register
@declares(
    direction="minimize",
    unit="ms",
    passes="forward, repeated",
    batch_norm="eval",
    fails_on="nothing; noisy on a busy machine, see the spread",
    source="measured",
)
def latency_ms(
    probe: Probe,
    /,
    *,
    batch_size: Annotated[int, Field(ge=1, le=1024)] = 1,
    warmup: Annotated[int, Field(ge=0, le=1000)] = 3,
    repeats: Annotated[int, Field(ge=3, le=10_000)] = 15,
) -> Measurement:
    """Median time of one inference pass; device, threads and spread are recorded with it.

    The median, because one slow pass on a busy machine would spoil a mean.

    Args:
        probe: whose network and images.
        batch_size: images in a pass; the batch is repeated when it has fewer.
        warmup: passes before the clock counts.
        repeats: passes that count.
    """
    with probe.inference(probe.images(batch_size)) as run:
        for _ in range(warmup):
            run()
        times_ms = torch.tensor([_time_ms(probe, run) for _ in range(repeats)])
    quartiles = torch.quantile(times_ms, torch.tensor([0.25, 0.5, 0.75])).tolist()
    return Measurement(
        quartiles[1],
        {
            "method": "measured",
            "device": probe.device_name,
            "threads": torch.get_num_threads(),
            "batch_size": batch_size,
            "warmup": warmup,
            "repeats": repeats,
            "median_ms": quartiles[1],
            "spread_ms": quartiles[2] - quartiles[0],
            "spread": "interquartile range",
            "min_ms": float(times_ms.min()),
        },
    )


def _time_ms(probe: Probe, run: Callable[[], None]) -> float:
    start = time.perf_counter()
    run()
    return 1e3 * (time.perf_counter() - start)
