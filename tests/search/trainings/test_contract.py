"""What every training keeps to, on every space that its data fits."""

import json
import math

import numpy as np
import pytest
import torch

from search.conditions import conditions
from search.datasets.digits import digits
from search.parameters import bind, schema_of
from search.probe import Measurement
from search.spaces import spaces
from search.spec import parse_submission
from search.standalone.outcome import Pause
from search.trainings import trainings
from search.traits import traits_of
from tests.search.supernets.untrained import untrained_supernet

SMALL = {
    "cell_27": {},
    "cell_64": {},
    "darts": {"channels": 2, "cells": 3},
    "elastic_tiny": {},
    "mobile": {"resolution": 16},
    "nasbench101": {"channels": 8, "stacks": 2, "modules": 1},
    "nasbench201": {"channels": 2, "cells": 1},
    "nasbench_macro": {"channels": 4, "features": 16},
    "nasbench_nlp": {"embedding": 4, "hidden": 4},
    "vit": {"head_width": 4},
}


@pytest.fixture(params=trainings)
def name(request):
    return request.param


@pytest.fixture
def data_dir(tmp_path):
    folder = tmp_path / "datasets"
    folder.mkdir()
    (folder / "text.txt").write_text("a rose is a rose is a rose. " * 200)
    return tmp_path


def opened(data_dir, name, space, seed=0):
    data = {"name": "digits"}
    needs_supernet = traits_of(trainings[name]).needs_supernet
    if traits_of(trainings[name]).needs_data == "text":
        data = {"name": "text", "params": {"length": 8}}
    spec = parse_submission(
        {
            "name": "a training",
            "space": {"name": space},
            "network": SMALL.get(space, {}),
            "data": {**data, "batch_size": 4},
            "objectives": [name],
            "strategy": {"name": "random"},
            "budget": {"trials": 1},
            "seed": seed,
            **({"supernet": {"recipe": {"name": "spos"}}} if needs_supernet else {}),
        }
    )
    trained = None
    if needs_supernet:
        trained = untrained_supernet(space, digits(data_dir), network=SMALL.get(space, {}))
    return conditions(spec, data_dir=data_dir, device="cpu", trained=trained)


def arch_of(space):
    return spaces[space].sample(np.random.default_rng(1))


def ended(steps):
    pauses = []
    while True:
        try:
            pauses.append(next(steps))
        except StopIteration as end:
            return pauses, end.value


def recipe(name):
    small = {"epochs": 2, "train_size": 40, "batch_size": 20}
    return bind(trainings[name], small)


def test_a_value_comes_after_its_pauses(name, data_dir):
    space = "nasbench_nlp" if "bits" in name else "nasbench201"
    trainee = opened(data_dir, name, space).trainee(arch_of(space))

    pauses, measured = ended(trainings[name](trainee, **recipe(name)))

    assert all(isinstance(pause, Pause) for pause in pauses)
    assert isinstance(measured, Measurement)
    assert math.isfinite(measured.value)
    json.dumps(measured.details, allow_nan=False)


def test_the_recipe_is_declared_with_bounds_and_defaults(name):
    properties = schema_of(trainings[name])["properties"]

    assert {"epochs", "horizon", "batch_size", "optimizer", "lr", "weight_decay"} <= set(
        properties
    )
    assert all("default" in schema for schema in properties.values())


def test_a_declaration_says_what_decides_the_value(name):
    traits = traits_of(trainings[name])

    supernet = ("supernet",) if traits.needs_supernet else ()
    assert traits.depends_on == ("network", "dataset", "seed", "environment", *supernet)
    assert traits.equivalence == "exact"
    assert traits.source


@pytest.mark.parametrize("space", spaces)
def test_networks_of_every_space_are_trained(space, data_dir):
    trainee = opened(data_dir, "accuracy", space).trainee(arch_of(space))
    before = torch.random.get_rng_state()

    _, measured = ended(trainings["accuracy"](trainee, **recipe("accuracy")))

    assert 0 <= measured.value <= 100
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_seed_of_the_search_decides(data_dir):
    space = "nasbench201"
    values = [
        ended(trainings["accuracy"](opened(data_dir, "accuracy", space, seed).trainee(arch), **r))[
            1
        ]
        for arch, r in [(arch_of(space), recipe("accuracy"))]
        for seed in (0, 0, 1)
    ]

    curves = [measured.details["curve"]["loss"] for measured in values]
    assert curves[0] == curves[1] != curves[2]


def test_bits_are_those_of_the_next_symbol(data_dir):
    """A text that repeats itself is told from its past: far below the bits of a lone symbol."""
    trainee = opened(data_dir, "bits_per_character", "nasbench_nlp").trainee(
        arch_of("nasbench_nlp")
    )
    taught = bind(trainings["bits_per_character"], {"epochs": 12, "lr": 0.02})

    _, measured = ended(trainings["bits_per_character"](trainee, **taught))

    assert measured.value < 1.0
    assert measured.value == pytest.approx(measured.details["test_loss"] / math.log(2))
