"""Columns for tests of charts, without a database."""

import numpy as np

from app.measures import Measure
from db.trials import Columns

X = Measure(0, "macs", "macs", "minimize", "multiply-adds", "cost")
Y = Measure(1, "nwot", "nwot", "maximize", "", "proxy")
Z = Measure(2, "latency_ms", "latency_ms", "minimize", "ms", "cost")


def columns_of(values_NM: np.ndarray, *, states: np.ndarray | None = None) -> Columns:
    num, width = values_NM.shape
    return Columns(
        numbers=np.arange(num, dtype=np.int32),
        arch_ids=np.full(num, b"0" * 20, "S20"),
        states=np.ones(num, np.int8) if states is None else states,
        values=values_NM,
        statuses=np.where(np.isnan(values_NM), 1, 0).astype(np.int8),
        from_memory=np.zeros((num, width), np.bool_),
        clock_s=np.full(num, np.nan),
        objectives=("macs", "nwot", "latency_ms")[:width],
    )


def cloud(num: int, seed: int = 0) -> Columns:
    rng = np.random.default_rng(seed)
    macs = rng.gamma(3, 1e7, num)
    nwot = 900 + 120 * np.log1p(macs / 1e7) + rng.normal(0, 30, num)
    return columns_of(np.column_stack([macs, nwot, macs / 1e7 + rng.random(num)]))
