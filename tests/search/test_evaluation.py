import itertools
import math
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from search.conditions import conditions
from search.errors import NotApplicableError
from search.evaluation import Evaluator
from search.memory import NoMemory, Visit
from search.meters import meter
from search.probe import Measurement
from search.proxies import proxies
from search.spaces import spaces
from search.spec import parse_submission
from search.traits import declares

SPACE = spaces["nasbench201"]
ARCH = SPACE.at(0)
OTHER = SPACE.at(1)
TWINS = next(  # two archs of one class, neither of them its canonical member
    group
    for _, members in itertools.groupby(
        sorted((SPACE.at(i) for i in range(2000)), key=lambda a: SPACE.key(a, "zero_aware")),
        key=lambda a: SPACE.key(a, "zero_aware"),
    )
    if len(group := list(members)) > 2
)[-2:]


class ListedMemory:
    """Remembers what it is told, and notes what it is asked for."""

    def __init__(self, scores=()):
        self.scores = {score.memory_key: score for score in scores}
        self.asked = []

    def recall(self, keys):
        self.asked.append(list(keys))
        return {key: self.scores[key] for key in keys if key in self.scores}

    def visited(self):
        return ()


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def evaluator(tmp_path):
    """Makes an evaluator of these metrics."""

    def make(*metrics, memory=None, timeout_s=60.0, **changes):
        spec = parse_submission(
            {
                "name": "a search",
                "space": {"name": "nasbench201"},
                "network": {"channels": 2, "cells": 1},
                "data": {"name": "digits", "batch_size": 8},
                "objectives": list(metrics),
                "strategy": {"name": "random"},
                "budget": {"trials": 1},
                **changes,
            }
        )
        return Evaluator(
            SPACE,
            [meter(objective, space=SPACE, tables={}) for objective in spec.objectives],
            conditions(spec, data_dir=tmp_path, device="cpu"),
            memory or NoMemory(),
            timeout_s=timeout_s,
        )

    return make


@pytest.fixture
def plugged(monkeypatch):
    """Makes a proxy of a function."""

    def plug(name, function, **traits):
        monkeypatch.setitem(proxies._plugins, name, declares(**traits)(function))
        return name

    return plug


def scored(evaluator, arch=ARCH):
    visit = Visit(arch)
    evaluator.prepare([visit])
    return evaluator.scores(visit)


def test_scores_do_not_depend_on_what_was_looked_at_before(evaluator):
    fresh, busy = evaluator("snip", "synflow"), evaluator("snip", "synflow")
    scored(busy, OTHER)

    values = [[score.value for score in scored(e)] for e in (fresh, busy)]

    assert values[0] == values[1]


def test_scores_do_not_depend_on_the_other_objectives(evaluator):
    alone = scored(evaluator("snip"))[0]
    together = scored(evaluator("synflow", "grad_norm", "snip", "fisher"))[2]

    assert alone.value == together.value
    assert alone.memory_key == together.memory_key


def test_one_probe_serves_all_that_can_share_it(evaluator, plugged):
    seen = []
    note = lambda probe, /: float(len(seen)) if seen.append(probe) else 1.0  # noqa: E731
    metrics = [plugged("first", note), plugged("second", note)]

    scored(evaluator(*metrics))

    assert seen[0] is seen[1]


def test_a_seed_changes_what_depends_on_it(evaluator):
    first, second = (scored(evaluator("synflow", "params", seed=seed)) for seed in (0, 1))

    assert first[0].value != second[0].value
    assert first[0].memory_key != second[0].memory_key
    assert first[1].memory_key == second[1].memory_key


@pytest.mark.parametrize(
    ("metric", "changes", "is_shared"),
    [
        ("params", {"data": {"name": "digits", "batch_size": 9}}, True),
        ("synflow", {"data": {"name": "digits", "batch_size": 9}}, True),
        ("snip", {"data": {"name": "digits", "batch_size": 9}}, False),
        ("epsinas", {"seed": 1}, False),  # the batch is drawn by the seed
        ("params", {"network": {"channels": 3, "cells": 1}}, False),
        ("epsinas", {"objectives": [{"metric": "epsinas", "params": {"low": 1e-6}}]}, False),
        ("epsinas", {"objectives": [{"metric": "epsinas", "params": {"low": 0}}]}, True),
    ],
)
def test_a_score_is_shared_exactly_under_equal_conditions(evaluator, metric, changes, is_shared):
    before = scored(evaluator(metric))[0]
    after = scored(evaluator(metric, **changes))[0]

    assert (before.memory_key == after.memory_key) == is_shared


def test_archs_of_one_class_share_the_score_of_its_canonical_member(evaluator):
    first, second = TWINS
    measured = scored(evaluator("epsinas"), first)[0]
    both = evaluator("epsinas")
    scored(both, second)

    recalled = scored(both, first)[0]

    assert first != second
    assert (recalled.value, recalled.memory_key) == (measured.value, measured.memory_key)
    assert (recalled.from_memory, recalled.is_shared) == (True, True)
    assert (measured.from_memory, measured.is_shared) == (False, False)


def test_what_may_not_be_shared_is_measured_again(evaluator):
    first, second = TWINS
    both = evaluator("synflow")

    assert not scored(both, first)[0].from_memory
    assert not scored(both, second)[0].from_memory


def test_earlier_scores_are_recalled_under_the_name_they_have_here(evaluator):
    earlier = scored(evaluator("synflow"))
    named = {"metric": "synflow", "name": "flow"}

    recalled = scored(evaluator(named, memory=ListedMemory(earlier)))[0]

    assert recalled == replace(earlier[0], objective="flow", seconds=0.0, from_memory=True)


def test_memory_is_asked_once_for_many_archs(evaluator):
    memory = ListedMemory()
    many = evaluator("synflow", "params", memory=memory)

    many.prepare([Visit(ARCH), Visit(OTHER)])

    assert [len(asked) for asked in memory.asked] == [4]


def test_a_failed_score_is_not_recalled(evaluator, plugged):
    failed = replace(scored(evaluator("params"))[0], status="failed", value=None)

    again = scored(evaluator("params", memory=ListedMemory([failed])))[0]

    assert again.status == "ok"


@pytest.mark.parametrize("raw", ["nan", "inf", "-inf"])
def test_what_is_not_finite_is_undefined_with_its_raw_value(evaluator, plugged, raw):
    name = plugged("strange", lambda probe, /: float(raw))

    score = scored(evaluator(name))[0]

    assert (score.status, score.value, score.details["raw"]) == ("undefined", None, raw)
    assert score.memory_key is not None


def test_an_undefined_score_says_when_that_is_known_to_happen(evaluator, plugged):
    known = {"fails_on": "nan when images are alike"}
    silent = plugged("silent", lambda probe, /: math.nan, **known)
    why = {"reason": "no images"}
    telling = plugged("telling", lambda probe, /: Measurement(math.nan, why), **known)

    assert "nan when images are alike" in scored(evaluator(silent))[0].details["reason"]
    assert scored(evaluator(telling))[0].details["reason"] == "no images"


def test_details_of_a_measurement_are_kept(evaluator, plugged):
    name = plugged("detailed", lambda probe, /: Measurement(2.0, {"spread": 0.1}))

    assert scored(evaluator(name))[0].details == {"spread": 0.1}


def does_not_apply(probe, /):
    raise NotApplicableError("there is nothing to count")


def test_what_does_not_apply_says_why_and_is_remembered(evaluator, plugged):
    score, params = scored(evaluator(plugged("picky", does_not_apply), "params"))

    assert (score.status, score.value) == ("not_applicable", None)
    assert score.details == {"reason": "there is nothing to count"}
    assert score.memory_key is not None
    assert params.status == "ok"


@pytest.mark.parametrize(("batch_size", "status"), [(8, "ok"), (1437, "not_applicable")])
def test_a_further_batch_is_of_other_images_where_there_are_any(evaluator, batch_size, status):
    data = {"name": "digits", "batch_size": batch_size}
    arch = SPACE.decode("|none~0|+|none~0|none~1|+|nor_conv_1x1~0|none~1|none~2|")

    first, again = (scored(evaluator("zico", data=data), arch)[0] for _ in range(2))

    assert (first.status, first.value) == (again.status, again.value)
    assert first.status == status
    assert "1437 training images" in first.details.get("reason", "1437 training images")


def fails(probe, /):
    raise KeyError("a hole")


def test_an_exception_fails_only_its_own_score(evaluator, plugged):
    failed, params = scored(evaluator(plugged("fails", fails), "params"))

    assert (failed.status, failed.value, failed.memory_key) == ("failed", None, None)
    assert "KeyError: 'a hole'" in failed.details["error"]
    assert params.status == "ok"


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory"),
     torch.OutOfMemoryError("CUDA out of memory")],
)  # fmt: skip
def test_running_out_of_memory_fails_the_score_and_the_search_goes_on(evaluator, plugged, error):
    def hungry(probe, /):
        raise error

    hungry_score, params = scored(evaluator(plugged("hungry", hungry), "params"))

    assert hungry_score.details["cause"] == "memory"
    assert "out of memory" in hungry_score.details["error"]
    assert params.status == "ok"


def slow(probe, /):
    time.sleep(300)
    return 1.0


def test_a_trial_that_takes_too_long_fails_what_is_not_measured_yet(evaluator, plugged):
    start = time.monotonic()
    name = plugged("slow", slow)
    first, late, never = scored(evaluator("params", name, "macs", timeout_s=3.0))

    assert time.monotonic() - start < 150
    assert first.status == "ok"
    assert (late.status, never.status) == ("failed", "failed")
    assert late.details == {"error": "the trial took longer than 3 s", "cause": "timeout"}


def test_a_late_trial_is_noticed_outside_the_main_thread(evaluator, plugged):
    name = plugged("slowish", lambda probe, /: time.sleep(0.3) or 1.0)
    late, scores = evaluator(name, "params", timeout_s=0.2), []

    thread = threading.Thread(target=lambda: scores.extend(scored(late)))
    thread.start()
    thread.join()

    assert [score.status for score in scores] == ["ok", "failed"]


def test_nothing_is_drawn_from_the_global_generators(evaluator):
    busy = evaluator("snip", "synflow", "epsinas")
    before = torch.random.get_rng_state(), np.random.get_state()[1].tolist()

    scored(busy)

    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
