"""A sweep in parts is the sweep, trial for trial, and measures nothing twice."""

from itertools import pairwise

import pytest

from search.cutting import MAX_SLICES, MIN_TRIALS, num_slices
from search.events import Checkpoint, Log, Progress, Trial
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
    "budget": {"trials": 30},
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

    numbers = [number for part in range(of) for number in numbers_of(part_of(spec, part, of))]

    assert sorted(numbers) == list(range(2000))


def numbers_of(part) -> list[int]:
    return [part.number(place) for place, _ in enumerate(part.visits())]


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

    assert sorted(len(numbers_of(part)) for part in parts) == [0, 0, 0, 1, 1]
    empty = next(part for part in parts if not numbers_of(part))
    assert trials(run(spec, data_dir=folder, part=empty)) == []


def test_equivalences_that_are_not_nested_are_joined():
    space = spaces["nasbench201"]
    classes = Classes(space, ["skip_aware", "zero_aware", "exact"])
    archs = [space.at(index) for index in range(2000)]
    for arch in archs:
        classes.add(arch)

    ranks = classes.ranks()

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


@pytest.mark.parametrize(
    ("space", "strategy", "metric"),
    [
        ("nasbench101", "exhaustive", "synflow"),
        ("nasbench101", "random", "synflow"),
        ("nasbench201", "random", "epsinas"),
        ("mobile", "random", "synflow"),
    ],
)
def test_a_trial_waits_for_no_more_of_the_sweep_than_what_comes_before_it(
    monkeypatch, space, strategy, metric
):
    """However long a sweep is, its first trials come at once."""
    kind, num_asked = type(spaces[space]), 0
    at = kind.at

    def counted(self, index):
        nonlocal num_asked
        num_asked += 1
        return at(self, index)

    monkeypatch.setattr(kind, "at", counted)
    spec = sweep(
        space={"name": space},
        network={},
        objectives=[metric],
        strategy={"name": strategy},
        budget={"trials": 15_000},
    )

    last, first = (part_of(spec, part, 64).number(0) for part in (63, 0))

    assert first == 0
    assert 63 <= last < 100
    assert 0 < num_asked < 1500


def test_keys_are_not_made_where_nothing_is_shared(monkeypatch):
    kind = type(spaces["nasbench101"])
    monkeypatch.setattr(kind, "key", lambda *_: pytest.fail("a key was made"))
    spec = sweep(
        space={"name": "nasbench101"}, network={}, objectives=["nwot"], budget={"trials": 1000}
    )

    assert numbers_of(part_of(spec, 1, 100)) == list(range(1, 1000, 100))


def test_several_equivalences_at_once_part_no_class(monkeypatch):
    """As in the proxies of a team, which may declare any."""
    monkeypatch.setattr("search.slices._shared", lambda *_: ["skip_aware", "zero_aware"])
    spec = sweep(strategy={"name": "random"}, budget={"trials": 1500}, seed=8)

    found = [
        {
            f"{name} {spaces['nasbench201'].key(visit.arch, name)}"
            for visit in part_of(spec, part, 4).visits()
            for name in ("skip_aware", "zero_aware")
        }
        for part in range(4)
    ]

    assert all(found)
    assert sum(map(len, found)) == len(set.union(*found))


def test_the_first_part_says_what_the_strategy_of_the_sweep_has_to_say(folder):
    archs = [spaces["nasbench201"].encode(spaces["nasbench201"].at(i)) for i in (7, 8, 7, 9)]
    spec = sweep(
        strategy={"name": "listed", "params": {"archs": archs}},
        objectives=["params"],
        budget={"trials": 4},
    )

    told = [
        [
            event.message
            for event in run(spec, data_dir=folder, part=part_of(spec, part, 2))
            if isinstance(event, Log)
        ]
        for part in range(2)
    ]

    assert len(told[0]) == 1
    assert "1 of 4 listed architectures" in told[0][0]
    assert told[1] == []


def test_progress_of_a_part_ends_at_one_and_never_goes_back(folder):
    spec = sweep(objectives=["params"], budget={"trials": 24})
    part = part_of(spec, 1, 2)
    shares = [e.share for e in run(spec, data_dir=folder, part=part) if isinstance(e, Progress)]

    assert shares == sorted(shares)
    assert shares[-1] == 1.0


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
