"""A sweep in parts is the sweep, trial for trial, and measures nothing twice."""

from itertools import pairwise

import numpy as np
import pytest

from search.cutting import MAX_SLICES, MIN_TRIALS, num_slices
from search.events import Checkpoint, Trial
from search.run import run
from search.slices import Classes, part_of
from search.spaces import spaces
from search.spec import Spec

SWEEP = {
    "name": "sweep",
    "space": {"name": "nasbench201"},
    "network": {"channels": 4, "cells": 1},
    "data": {"name": "digits", "batch_size": 4},
    "objectives": ["params", "epsinas"],
    "strategy": {"name": "random"},
    "budget": {"trials": 60},
    "seed": 3,
}
NUM_PARTS = 3


def sweep(**changes) -> Spec:
    return Spec.model_validate(SWEEP | changes)


def told(trial: Trial) -> tuple[object, ...]:
    scores = [(s.status, s.value, s.from_memory, s.is_shared, s.memory_key) for s in trial.scores]
    return trial.number, trial.arch, trial.state, scores


def trials(events) -> list[tuple[object, ...]]:
    return [told(event) for event in events if isinstance(event, Trial)]


def values(found):
    return [(number, arch, [score[1] for score in scores]) for number, arch, _, scores in found]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def whole(folder):
    return trials(run(sweep(), data_dir=folder))


@pytest.fixture(scope="module")
def parts(folder):
    found = (part_of(sweep(), part, NUM_PARTS) for part in range(NUM_PARTS))
    return [trials(run(sweep(), data_dir=folder, part=part)) for part in found]


def test_the_parts_together_are_the_whole(whole, parts):
    assert sorted(trial for part in parts for trial in part) == whole


def test_every_part_has_trials_in_the_order_of_their_numbers(parts):
    numbers = [[trial[0] for trial in part] for part in parts]

    assert all(numbers)
    assert all(a < b for of_part in numbers for a, b in pairwise(of_part))


def test_no_two_parts_measure_the_same_score(parts):
    measured = [
        key for part in parts for trial in part for *_, is_old, _, key in trial[3] if not is_old
    ]

    assert len(set(measured)) == len(measured)


def test_a_part_that_was_interrupted_goes_on_as_if_nothing_had_happened(folder, parts):
    part = part_of(sweep(), 1, NUM_PARTS)
    found, state = [], None
    for event in run(sweep(), data_dir=folder, part=part):
        found.append(event)
        if isinstance(event, Checkpoint):
            state = event.state
            break

    rest = trials(run(sweep(), data_dir=folder, part=part, resume=state))

    assert values(trials(found) + rest) == values(parts[1])


@pytest.mark.parametrize("strategy", ["exhaustive", "random"])
@pytest.mark.parametrize("of", [2, 7, 64])
def test_every_trial_is_in_one_part(strategy, of):
    spec = sweep(strategy={"name": strategy}, budget={"trials": 2000})

    numbers = np.concatenate([part_of(spec, part, of).numbers_N for part in range(of)])

    assert sorted(numbers.tolist()) == list(range(2000))


def classes_of(part, of=8) -> set[str]:
    spec = sweep(strategy={"name": "exhaustive"}, budget={"trials": 4000})
    space = spaces["nasbench201"]
    return {space.key(visit.arch, "zero_aware") for visit in part_of(spec, part, of).visits()}


def test_archs_of_one_class_are_in_one_part():
    found = [classes_of(part) for part in range(8)]

    assert sum(len(keys) for keys in found) == len(set.union(*found)) < 4000


def test_parts_have_equally_many_classes():
    nums = [len(classes_of(part)) for part in range(8)]

    assert max(nums) - min(nums) <= 1


def test_more_parts_than_classes_leaves_some_empty(folder):
    spec = sweep(budget={"trials": 2})
    parts = [part_of(spec, part, 5) for part in range(5)]

    assert sorted(len(part) for part in parts) == [0, 0, 0, 1, 1]
    empty = next(part for part in parts if not len(part))
    assert trials(run(spec, data_dir=folder, part=empty)) == []


def test_equivalences_that_are_not_nested_are_joined():
    space = spaces["nasbench201"]
    classes = Classes(space, ["skip_aware", "zero_aware", "exact"])
    archs = [space.at(index) for index in range(2000)]
    for arch in archs:
        classes.add(arch)

    ranks = classes.ranks().tolist()

    pairs = {
        (space.key(arch, "skip_aware"), rank) for arch, rank in zip(archs, ranks, strict=True)
    }
    assert len(pairs) == len({key for key, _ in pairs})
    pairs = {
        (space.key(arch, "zero_aware"), rank) for arch, rank in zip(archs, ranks, strict=True)
    }
    assert len(pairs) == len({key for key, _ in pairs})
    assert ranks[0] == 0
    assert max(ranks) + 1 == len(set(ranks))


@pytest.fixture(scope="module")
def offered(folder):
    from search.offer import offer

    return offer(folder)


@pytest.mark.parametrize(
    ("num_trials", "expected"),
    [(2 * MIN_TRIALS - 1, 0), (2 * MIN_TRIALS, 2), (5 * MIN_TRIALS, 5), (15_625, MAX_SLICES)],
)
def test_a_sweep_is_cut_when_it_is_long_enough(offered, num_trials, expected):
    assert num_slices(sweep(budget={"trials": num_trials}), offered) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {"strategy": {"name": "regularized_evolution"}},
        {"budget": {"trials": 15_625, "minutes": 5}},
        {"objectives": [{"metric": "table", "params": {"table": "t", "column": "c"}}]},
        {"space": {"name": "darts"}, "budget": {"trials": 1_000_001}},
    ],
    ids=["proposals_that_depend", "time", "lookups", "too_long_to_go_through"],
)
def test_what_is_no_sweep_runs_whole(offered, changes):
    assert num_slices(sweep(**({"budget": {"trials": 15_625}} | changes)), offered) == 0
