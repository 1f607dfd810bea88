import numpy as np
import pytest

from search.spaces import spaces
from search.strategies import Result, strategies
from search.strategies._regressor import one_hot, predictions
from search.strategies.predictor import expected_improvement

SPACE = spaces["nasbench201"]


def search(seed=0, **params):
    return strategies["predictor"](SPACE, np.random.default_rng(seed), **params)


def missing_convolutions(arch):
    return float(sum(choice != 3 for choice in arch))


def driven(strategy, num_trials, value_of, guide_of=lambda arch: 0.0):
    told = []
    while sum(r.only is None for r in told) < num_trials:
        batch = [
            Result(
                len(told) + i,
                p.arch,
                (None if p.only else value_of(p.arch), guide_of(p.arch)),
                0.0,
                p.only,
            )
            for i, p in enumerate(strategy.ask(20))
        ]
        strategy.tell(batch)
        told += batch
    return told


def test_one_hot_has_a_column_for_each_choice():
    features = one_hot(SPACE, [(0, 4, 0, 0, 0, 1), (1, 0, 0, 0, 0, 0)])

    assert features.shape == (2, 30)
    assert np.flatnonzero(features[0]).tolist() == [0, 9, 10, 15, 20, 26]
    assert features.sum(axis=1).tolist() == [6, 6]


@pytest.mark.parametrize("model", ["forest", "mlp"])
def test_an_additive_value_is_predicted(model):
    rng = np.random.default_rng(0)
    archs = [SPACE.sample(rng) for _ in range(240)]
    features = one_hot(SPACE, archs)
    values = np.array([missing_convolutions(arch) for arch in archs])

    predicted = predictions(model, features[:200], values[:200], features[200:], seed=1)

    assert np.corrcoef(predicted.mean(0), values[200:])[0, 1] > 0.8
    assert predicted.std(0).max() > 0


def test_expected_improvement_has_its_closed_form():
    found = expected_improvement(np.array([0.0, 1.0, 2.0]), np.array([1.0, 0.0, 0.0]), 1.5)

    # 1.5 Phi(1.5) + phi(1.5); what is sure improves by the difference, or not at all
    assert found == pytest.approx([1.5 * 0.9331927987 + 0.1295175957, 0.5, 0.0])


@pytest.mark.parametrize("acquisition", ["its", "ucb", "ei"])
@pytest.mark.parametrize("guide", [None, 2])
def test_it_finds_the_best_of_an_additive_landscape(acquisition, guide):
    found = driven(search(acquisition=acquisition, guide=guide), 120, missing_convolutions)

    assert min(r.values[0] for r in found if r.only is None) == 0


def test_candidates_are_scored_by_the_guide_alone_before_a_round():
    strategy = search(initial=10, batch=5, candidates=30, guide=2)
    driven(strategy, 10, missing_convolutions)

    asked = strategy.ask(100)

    assert {p.only for p in asked} == {(1,)}
    assert 10 < len(asked) <= 30


def test_a_perfect_guide_is_learnt():
    """The objective is noise to the choices: only the guide tells it."""
    noise = np.random.default_rng(1).permutation(SPACE.size).astype(float)

    def value_of(arch):
        return noise[SPACE.index(arch)]

    guided = driven(search(guide=2, acquisition="ucb"), 80, value_of, value_of)
    plain = driven(search(acquisition="ucb"), 80, value_of)

    latest = [np.mean([r.values[0] for r in f if r.only is None][-40:]) for f in (guided, plain)]
    assert latest[0] < 0.75 * latest[1]


@pytest.mark.parametrize("value_of", [lambda _: None, lambda _: 1.0])
def test_what_cannot_be_fitted_is_said_and_archs_are_drawn_at_random(value_of):
    strategy = search(initial=5, batch=5)
    found = driven(strategy, 40, value_of)

    assert "objective 1 has fewer than two different values" in strategy.remark
    assert {p.parents for p in strategy.ask(5)} == {()}
    assert len({r.arch for r in found}) > 30


def test_nothing_is_said_before_anything_is_known_and_when_all_is_well():
    strategy = search(initial=5)
    before = strategy.remark
    driven(strategy, 20, missing_convolutions)

    assert (before, strategy.remark) == ("", "")


def test_the_best_are_never_forgotten():
    strategy = search(initial=600)
    found = driven(strategy, 600, lambda arch: float(SPACE.index(arch)))

    known = {row[0] for row in strategy.state_dict()["known"]}
    best = sorted(found, key=lambda r: r.values[0])[:100]
    assert len(known) == 400
    assert {r.number for r in best} <= known
