"""Training that goes on from inherited weights."""

from functools import partial

import numpy as np
import pytest
import torch

from search.conditions import conditions
from search.datasets.digits import digits
from search.errors import NotApplicableError
from search.spec import parse_submission
from search.standalone.examples import Pixels, rest_of
from search.standalone.recipe import FineTuning
from search.standalone.session import Session
from search.supernets.mix import onehot
from search.trainings import trainings
from search.traits import traits_of
from tests.search.standalone.making import left_after, trained, trainee
from tests.search.supernets.untrained import untrained_supernet

ARCH = (2, 1, 0)
NETWORK = {"channels": 4, "cells": 2}
RECIPE = FineTuning(epochs=3, batch_size=32, train_size=128, lr=0.05)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return digits(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def supernet(images):
    return untrained_supernet("cell_27", images, network=NETWORK)


def under(supernet, data_dir, **changes):
    spec = parse_submission(
        {
            "name": "fine-tuning",
            "space": {"name": "cell_27"},
            "network": NETWORK,
            "data": {"name": "digits", "batch_size": 8},
            "objectives": ["fine_tuned_accuracy"],
            "strategy": {"name": "random"},
            "supernet": {"checkpoint": "0" * 32},
            "budget": {"trials": 1},
            **changes,
        }
    )
    return conditions(spec, data_dir=data_dir, device="cpu", trained=supernet)


@pytest.mark.parametrize("norms", ["recalibrated", "batch"])
def test_before_the_first_epoch_the_network_is_the_inherited_one(images, norms):
    supernet = untrained_supernet("cell_27", images, network=NETWORK, norms=norms)
    build = partial(supernet.collapse, ARCH)
    places = rest_of(images, supernet.held_out)
    x_BCHW = Pixels(images, images.test, CPU).at(np.arange(64)).x_BCHW
    calibrated = untrained_supernet("cell_27", images, network=NETWORK)
    statistics = calibrated.evaluation("held_out", 64, 64).norms(onehot(ARCH))

    session = Session(lambda **_: build(), images, RECIPE, places, seed=0, device=CPU)

    with torch.no_grad():
        torch.testing.assert_close(
            session.network.eval()(x_BCHW), supernet.net(x_BCHW, onehot(ARCH), statistics)
        )


def test_it_learns_and_holds_out_what_the_supernet_has_not_seen(supernet, images, tmp_path):
    found = trained(under(supernet, tmp_path).trainee(ARCH).fine_tune(RECIPE))

    assert found.curve["loss"][-1] < found.curve["loss"][0]
    assert found.num_examples == {"train": 128, "validation": 144, "test": 360}
    assert set(rest_of(images, supernet.held_out).train).isdisjoint(supernet.held_out)


def test_who_is_left_goes_on_bit_for_bit(supernet, tmp_path):
    whole = trained(under(supernet, tmp_path / "whole").trainee(ARCH).fine_tune(RECIPE))
    there = under(supernet, tmp_path / "left")
    left_after(there.trainee(ARCH).fine_tune(RECIPE), 2)

    again = trained(there.trainee(ARCH).fine_tune(RECIPE))

    assert again.resumed_after == (2,)
    assert (again.test, again.validation, again.curve) == (
        whole.test,
        whole.validation,
        whole.curve,
    )


def test_another_checkpoint_is_another_training(supernet, images, tmp_path):
    other = untrained_supernet("cell_27", images, network=NETWORK, seed=1)

    keys = {under(net, tmp_path).trainee(ARCH)._key(RECIPE) for net in (supernet, other)}

    assert len(keys) == 2


def test_weights_are_kept_for_an_export_and_only_then(supernet, tmp_path):
    listed = {"name": "listed", "params": {"archs": "(0)"}}
    export = {"weights": "fine_tuned_accuracy"}
    plain = under(supernet, tmp_path)
    keeping = under(supernet, tmp_path, strategy=listed, export=export)
    without = trained(plain.trainee(ARCH).fine_tune(RECIPE))

    first = keeping.trainee(ARCH)
    trained(first.fine_tune(RECIPE))
    second = keeping.trainee(ARCH)
    again = trained(second.fine_tune(RECIPE))

    assert again.resumed_after == (3,)
    assert again.test == without.test
    torch.testing.assert_close(
        second.network.state_dict(), first.network.state_dict(), rtol=0, atol=0
    )


def test_without_a_supernet_there_is_nothing_to_tune():
    with pytest.raises(NotApplicableError, match="there is no supernet"):
        trained(trainee().fine_tune(RECIPE))


def test_values_are_of_the_kind_supernet():
    tuned = {name for name in trainings if traits_of(trainings[name]).needs_supernet}

    assert tuned == {"fine_tuned_accuracy", "fine_tuned_validation_accuracy"}
