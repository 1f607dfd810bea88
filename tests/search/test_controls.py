"""Controls have the budget of the search that they stand beside."""

import pytest

from search.catalogue import Catalogue, Plugin
from search.controls import equal_trials, random_control
from search.parameters import schema_of
from search.proxies import proxies
from search.spec import parse_submission
from search.strategies import strategies
from search.trainings import trainings

KINDS = {"strategy": strategies, "training": trainings, "proxy": proxies}
OFFERED = Catalogue(
    plugins=tuple(
        Plugin(kind=kind, name=name, parameters=schema_of(plugin))
        for kind, plugins in KINDS.items()
        for name, plugin in plugins.items()
    )
)
HALVING = {"name": "successive_halving", "params": {"rungs": [1, 2, 3]}}  # nine, three, one


def trained(*lengths, **params):
    return [
        {"name": f"after_{n}", "metric": "accuracy", "params": {"epochs": n, **params}}
        for n in lengths
    ]


def spec_of(objectives, **changes):
    content = {
        "name": "small",
        "space": {"name": "nasbench201"},
        "objectives": objectives,
        "strategy": HALVING,
        "budget": {"trials": 10},
    }
    return parse_submission({**content, **changes}).specs()[0]


@pytest.mark.parametrize(
    ("objectives", "trials"),
    [
        (trained(1, 3, 9), 21),  # a bracket is 9 + 9 + 9 epochs, a trial 13: 270 by 13
        (trained(1, 3, 9, horizon=9), 24),  # each goes on from the one before: 9 + 3 * 2 + 6, by 9
        ([*trained(1, 3, 9), "synflow"], 21),  # proxies are free
        (["synflow", "nwot", "snip"], 10),
    ],
)
def test_halving_is_held_against_as_many_epochs(objectives, trials):
    assert equal_trials(spec_of(objectives), OFFERED) == trials


def test_metrics_of_one_training_are_paid_for_once():
    both = [*trained(1, 3, 9), {"metric": "validation_accuracy", "params": {"epochs": 9}}]

    assert equal_trials(spec_of(both), OFFERED) == 21


def test_training_a_pool_to_begin_with_counts():
    """A hundred by an epoch, of which ten go on by nine: 190 epochs, and a trial has ten."""
    warm = {"strategy": {"name": "nsga2"}, "warm_start": {"objective": 1, "pool": 100}}

    assert equal_trials(spec_of(trained(1, 9), **warm), OFFERED) == 19


def test_a_strategy_that_looks_in_full_alone_has_an_equal_number():
    assert equal_trials(spec_of(trained(1, 9), strategy={"name": "nsga2"}), OFFERED) == 10


def test_default_lengths_are_those_that_are_offered():
    first = [{"name": "short", "metric": "accuracy", "params": {"epochs": 3}}, "accuracy"]
    halving = {"name": "successive_halving", "params": {"initial": 4, "eta": 2}}  # rungs 1 and 2

    # a bracket of four by 3 epochs and two by 12, for two trials of 15
    assert equal_trials(spec_of(first, strategy=halving), OFFERED) == 12


def test_time_is_equal_as_it_stands():
    spec = spec_of(trained(1, 3, 9), budget={"minutes": 5})

    assert equal_trials(spec, OFFERED) is None
    assert random_control(spec, OFFERED).budget == spec.budget


def test_a_control_is_random_and_has_all_else_of_its_search():
    spec = spec_of(trained(1, 3, 9), seed=3)

    control = random_control(spec, OFFERED)

    assert (control.name, control.strategy.name, control.budget.trials) == (
        "small (control)",
        "random",
        21,
    )
    assert (control.objectives, control.seed, control.space) == (spec.objectives, 3, spec.space)
