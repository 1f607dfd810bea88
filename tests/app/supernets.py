"""Searches that train a supernet, as workers record them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.tables import import_table
from db import jobs, trials
from db.batch import ArtifactRow, Batch, MetricRow, ProgressRow, SnapshotRow
from search.catalogue import CHECKPOINT_VERSION, TableColumn
from search.spaces import spaces
from tests.app import filling

DIGEST = "0123456789abcdef" * 2
STEPS, STEPS_PER_EPOCH = 1_200, 40
NUM_PROBES = 24
OBJECTIVES = ("supernet_validation_accuracy", "macs")
RECIPE = {"name": "spos", "params": {"epochs": 30}}


def probes(num: int = NUM_PROBES) -> list[str]:
    """The texts of some architectures, always the same."""
    space, rng = spaces[filling.SPACE], np.random.default_rng(7)
    return [space.encode(space.at(int(i))) for i in rng.choice(15625, num, replace=False)]


def spec(name: str = "a supernet", **fields: Any) -> dict[str, Any]:
    """Of a search that trains one."""
    supernet = {"recipe": RECIPE, "validation_share": 0.1, "probes": NUM_PROBES, "looks": 4}
    return {
        **filling.a_spec(name, ("macs",)),
        "objectives": [{"name": metric, "metric": metric} for metric in OBJECTIVES],
        "supernet": supernet,
        **fields,
    }


def checkpoint_info(**fields: Any) -> dict[str, Any]:
    """Of the supernet, as its training tells it."""
    return {
        "version": CHECKPOINT_VERSION,
        "space": filling.SPACE,
        "network": {"channels": 16, "cells": 5},
        "shape": [1, 8, 8],
        "num_classes": 10,
        "dataset": "digits",
        "dataset_digest": "d" * 32,
        "recipe": "spos",
        "recipe_params": {"epochs": 30},
        "steps": STEPS,
        "seed": 0,
        **fields,
    }


def looked_at(step: int, seed: int = 0, num: int = NUM_PROBES) -> dict[str, Any]:
    """A snapshot ``ranking``: better, and less noisy, the later."""
    rng = np.random.default_rng([seed, step])
    quality = np.linspace(0, 1, num)
    noise = rng.normal(0, 60 / (1 + step / 100), num)
    values = 30 + 50 * min(step / STEPS, 1) + 10 * quality + noise
    return {
        "archs": probes(num),
        "values": np.clip(values, 0, 100).round(2).tolist(),
        "epoch": None if step % STEPS_PER_EPOCH else step // STEPS_PER_EPOCH,
        "steps_ago": [None if k % 2 else 7 * k for k in range(num)],
        "trained_last": probes(1)[0],
        "groups": [k % 3 for k in range(num)],
    }


def inherited(seed: int = 0) -> dict[str, float]:
    """What the trained supernet says of its probes."""
    content = looked_at(STEPS, seed)
    return dict(zip(content["archs"], content["values"], strict=True))


def logs(seed: int = 0, upto: int = STEPS) -> Batch:
    """Everything that a training tells up to a step, but its file."""
    steps = range(20, upto + 1, 20)
    looks = [step for step in (300, 600, 900, 1_120, 1_160, 1_200) if step <= upto]
    metrics = [MetricRow("loss solo", s, 2.3 / (1 + s / 200)) for s in steps]
    metrics += [MetricRow("learning rate", s, 0.025 * (1 - s / 2000)) for s in steps]
    metrics += [MetricRow("images per second", s, 900.0 + s % 70) for s in steps]
    metrics += [MetricRow("gradient norm", s, 5.0 / (1 + s / 300)) for s in steps]
    for name, top in (("largest", 92.0), ("sampled", 85.0), ("smallest", 74.0)):
        metrics += [MetricRow(f"accuracy {name}", s, top * s / STEPS) for s in looks]
    told = [SnapshotRow("ranking", s, looked_at(s, seed)) for s in looks]
    told += [SnapshotRow("choices", s, _choices(s)) for s in looks]
    told += [SnapshotRow("paths", s, _shares(s)) for s in looks]
    words = f"training the supernet: step {upto:,} of {STEPS:,}"
    progress = ProgressRow(0.5 * upto / STEPS, 90.0, words)
    return Batch(metrics=metrics, snapshots=told, progress=progress)


def add(session: Session, name: str = "a supernet", seed: int = 0, **fields: Any) -> int:
    """A search that has trained a supernet and looked at its probes."""
    digest = fields.pop("digest", f"{seed:x}{DIGEST[1:]}")
    job_id = filling.add_job(session, spec(name, seed=seed), **fields)
    token = filling.claimed(session, job_id)
    trials.record(session, job_id, token, logs(seed))
    file = ArtifactRow("checkpoint", f"{name}.safetensors", digest, 4_200_000, checkpoint_info())
    found = inherited(seed)
    trials.record(session, job_id, token, _batch(found, "supernet", artifacts=[file]))
    jobs.release(session, job_id, token, state=filling.S.SUCCEEDED, reason="every trial is done")
    return job_id


def add_under_way(session: Session, upto: int = 600, *, kept: bool = False) -> int:
    """A search whose supernet is being trained, and perhaps was kept on the way."""
    job_id = filling.add_job(session, spec("still training"))
    info = checkpoint_info(steps=upto // 2, num_steps=STEPS)
    file = ArtifactRow("checkpoint", "early.safetensors", f"e{DIGEST[1:]}", 4_200_000, info)
    told = replace(logs(upto=upto), artifacts=[file] if kept else [])
    trials.record(session, job_id, filling.claimed(session, job_id), told)
    return job_id


def add_user(session: Session, digest: str = DIGEST) -> int:
    """A search of a trained supernet, not yet begun."""
    return filling.add_job(session, spec("reads it", supernet={"checkpoint": digest}))


def add_found(session: Session, job_id: int, token: str | None = None) -> None:
    """What a search finds in a trained supernet; *token* of the worker that has it."""
    found = inherited()
    holder = filling.claimed(session, job_id) if token is None else token
    trials.record(session, job_id, holder, _batch(found, "supernet"))


def add_measured_once(session: Session) -> int:
    """A search of a trained supernet with one objective: the fourth architecture is the best."""
    aim = {"name": OBJECTIVES[0], "metric": OBJECTIVES[0], "direction": "maximize"}
    given = spec("one measure", objectives=[aim], supernet={"checkpoint": DIGEST})
    job_id = filling.add_job(session, given)
    batch = _batch(dict(zip(probes(4), (1.0, 3.0, 2.0, 4.0), strict=True)), "supernet")
    batch = replace(batch, scores=[score for score in batch.scores if score.objective == 0])
    trials.record(session, job_id, filling.claimed(session, job_id), batch)
    return job_id


def add_trained_alone(session: Session, num: int = NUM_PROBES) -> int:
    """A search that has trained so many of the probes alone, and counted their parameters."""
    known = {arch: 80 + 10 * k / NUM_PROBES for k, arch in enumerate(probes()[:num])}
    return add_alone(session, filling.SPACE, known)


def add_alone(session: Session, space: str, known: Mapping[str, float]) -> int:
    """A search that has trained architectures alone, with these accuracies."""
    content = {
        **filling.a_spec("some alone", ("params",)),
        "space": {"name": space, "params": {}},
        "objectives": [
            {"name": name, "metric": name, "params": {}} for name in ("accuracy", "params")
        ],
    }
    job_id = filling.add_job(session, content)
    token = filling.claimed(session, job_id)
    trials.record(session, job_id, token, _batch(known, "standalone", space=space))
    jobs.release(session, job_id, token, state=filling.S.SUCCEEDED, reason="every trial is done")
    return job_id


def add_benchmark(
    num_worse: int = 3_000, *, name: str = "nb", column: str = "cifar10_test", unit: str = "%"
) -> None:
    """A benchmark of the probes, ever better, and of others, which are all worse."""
    space, own = spaces[filling.SPACE], probes()
    known = {space.index(space.decode(arch)): 80 + k / 10 for k, arch in enumerate(own)}
    others = (index for index in range(space.size) if index not in known)
    known |= {index: 10 + index / 1e4 for index in islice(others, num_worse)}
    rows = (f"{index},{value},{1000 + index}" for index, value in known.items())
    lines = [f"index,{column},flops", *rows]
    import_table(
        "\n".join(lines).encode(),
        name=name,
        space=filling.SPACE,
        arch_column="index",
        columns=[TableColumn(name=column, unit=unit), TableColumn(name="flops")],
    )


def _batch(
    values: Mapping[str, float],
    kind: str,
    artifacts: Sequence[ArtifactRow] = (),
    space: str = filling.SPACE,
) -> Batch:
    archs = [spaces[space].decode(text) for text in values]
    rows = [
        trials.TrialRow(number=n, arch_key=spaces[space].key(arch), choices=arch, state="done")
        for n, arch in enumerate(archs)
    ]
    scores = [
        trials.ScoreRow(n, place, of_kind, "ok", value, 0.1)
        for n, measured in enumerate(values.values())
        for place, (of_kind, value) in enumerate(((kind, measured), ("cost", 1e6 * (n % 9 + 1))))
    ]
    return Batch(trials=rows, scores=scores, artifacts=list(artifacts))


def _choices(step: int) -> dict[str, Any]:
    decisions = spaces[filling.SPACE].decisions
    return {
        "decisions": [decision.name for decision in decisions],
        "counts": [
            [step // len(d.choices) + place for place, _ in enumerate(d.choices)]
            for d in decisions
        ],
    }


def _shares(step: int) -> dict[str, Any]:
    share = 0.2 + 0.4 * step / STEPS
    rest = (1 - share) / 2
    return {"probabilities": {"none": rest, "skip_connect": rest, "nor_conv_3x3": share}}
