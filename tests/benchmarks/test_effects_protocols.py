"""Every protocol runs on few images, with equal budgets; its claims name what is measured."""

from functools import partial

import pytest

from benchmarks.effects import images
from benchmarks.effects.protocols import effects
from benchmarks.effects.truth import TABLES, archs_of_table

EFFECTS = {effect.name: effect for effect in effects()}
LOW_NASBENCH201 = {
    "epochs": 1,
    "images": {"num_train": 40, "num_test": 20, "size": 8},
    "num_cells": 4,
}


@pytest.fixture
def few_digits(monkeypatch):
    """One step an epoch."""
    images.digits.cache_clear()
    monkeypatch.setattr(images, "NUM_TRAIN", 12)
    monkeypatch.setattr(images, "NUM_VALIDATION", 6)
    monkeypatch.setattr(images, "NUM_TEST", 6)
    yield
    images.digits.cache_clear()


def on_few(effect, bench):
    return {arm.name: {0: arm.run(bench, 0)} for arm in effect.arms}


@pytest.mark.parametrize("name", [name for name in EFFECTS if name != "nasbench201"])
def test_a_protocol_runs_with_equal_budgets_and_has_what_its_claims_name(name, bench, few_digits):
    effect = EFFECTS[name]

    results = on_few(effect, bench)

    measures = {name for runs in results.values() for name in runs[0]}
    assert set(effect.columns) <= measures
    assert all(is_number_or_none(side.value(results, 0)) for side in sides(effect))
    assert len(budgets(effect, results)) == 1


def sides(effect):
    return [side for claim in effect.claims for side in (claim.left, claim.right)]


def is_number_or_none(value):
    return value is None or isinstance(value, int | float)


def budgets(effect, results):
    """Passes of each arm; those of ShiftNAS are equal with a real number of images alone."""
    if effect.name == "shiftnas":
        return {0}
    return {results[arm.name][0]["passes"] for arm in effect.arms}


def test_arms_of_shiftnas_have_equal_budgets_within_a_tenth():
    from benchmarks.effects.protocols.shiftnas import EVERY, PASSES_OF_CHANGE, STEPS, WARMUP

    def passes(mode, epochs):
        changes = len([s for s in range(WARMUP * STEPS, epochs * STEPS) if s % EVERY == 0])
        return epochs * STEPS + changes * PASSES_OF_CHANGE.get(mode, 0)

    found = [passes(a.run.keywords["mode"], a.run.keywords["epochs"]) for a in shift_arms()]

    assert max(found) < 1.1 * min(found)


def shift_arms():
    return EFFECTS["shiftnas"].arms


@pytest.mark.parametrize("arm", EFFECTS["nasbench201"].arms, ids=lambda arm: arm.name)
def test_a_supernet_ranks_published_cells(arm, bench):
    if bench.data is None:
        pytest.skip("CIFAR-10 and the published accuracies of ../shared/data are not here")
    few = partial(arm.run.func, **arm.run.keywords | LOW_NASBENCH201)

    found = few(bench, 0)

    assert len(found["scores"]) == 4
    assert -1 <= found["tau of params"] <= 1


def test_names_of_protocols_and_arms_are_unique():
    everything = effects()
    arms = [(effect.name, arm.name) for effect in everything for arm in effect.arms]

    assert len({effect.name for effect in everything}) == len(everything)
    assert len(set(arms)) == len(arms)


@pytest.mark.parametrize("effect", EFFECTS.values(), ids=EFFECTS)
def test_every_claim_says_on_what_evidence(effect):
    assert {claim.evidence for claim in effect.claims} <= set("CPRMD-")
    assert effect.num_seeds >= 3


def test_sections_1_to_10_have_a_protocol():
    assert {effect.section for effect in EFFECTS.values()} >= set(range(1, 11))


def test_networks_are_trained_alone_for_the_truth(few_digits):
    arm = TABLES["elastic_tiny"]
    quick = partial(arm.run.func, **arm.run.keywords | {"epochs": 1})

    found = quick(None, 0)

    assert len(found["scores"]) == len(archs_of_table("elastic_tiny"))
    assert all(0 <= score <= 1 for score in found["scores"])
