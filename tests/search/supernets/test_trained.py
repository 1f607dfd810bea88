"""Trained supernets as files: what is kept is what is read."""

import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from safetensors.torch import load, save

from search import artifacts
from search.catalogue import CHECKPOINT_VERSION
from search.datasets import datasets
from search.errors import DataError, DivergedError
from search.spaces import spaces
from search.supernets.examples import HeldExamples
from search.supernets.making import supernet_of
from search.supernets.mix import onehot
from search.supernets.norms import TrackedNorms
from search.supernets.recipes import recipes
from search.supernets.trained import calibration, keep, load_trained
from search.supernets.training import Training

CPU = torch.device("cpu")
HELD_OUT = np.arange(0, 1400, 2)
PARAMS = {
    "spos": {"epochs": 1, "batch_size": 8, "norms": "tracked"},
    "few_shot": {"epochs": 1, "member_epochs": 1, "batch_size": 8},
    "deeper_insights": {"epochs": 1, "batch_size": 8, "sharing": "random_groups", "groups": 3},
}


@dataclass
class Kept:
    training: Training
    digest: str
    folder: object


@pytest.fixture(scope="module")
def images():
    return datasets["digits"](None)


def kept(folder, images, name="spos", **changes):
    recipe = recipes[name](**PARAMS[name])
    net = supernet_of(
        "cell_27", recipe, shape=(1, 8, 8), num_classes=10, seed=3, channels=2, cells=1
    )
    generator = torch.Generator().manual_seed(0)
    examples = HeldExamples(torch.randn(16, 1, 8, 8, generator=generator), torch.arange(16) % 10)
    training = Training(net, recipe, examples, seed=3)
    for _ in training.run():
        pass
    info = {
        "space": "cell_27",
        "network": {"channels": 2, "cells": 1},
        "shape": [1, 8, 8],
        "num_classes": 10,
        "dataset": "digits",
        "dataset_params": {},
        "dataset_digest": images.info.digest,
        "recipe": name,
        "recipe_params": PARAMS[name],
        "seed": 3,
        **changes,
    }
    artifact = keep(folder, training, held_out=HELD_OUT, info=info, name="net")
    return Kept(training, artifact.digest, folder)


@pytest.mark.parametrize("name", PARAMS)
def test_what_is_read_computes_what_was_trained(tmp_path, images, name):
    wrote = kept(tmp_path, images, name)
    arch = spaces["cell_27"].at(20)
    x_BCHW = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(1))

    trained = load_trained(tmp_path, wrote.digest, images, CPU)

    assert torch.equal(trained.net(x_BCHW, onehot(arch)), wrote.training.net(x_BCHW, onehot(arch)))
    assert not any(parameter.requires_grad for parameter in trained.net.parameters())
    assert np.array_equal(trained.held_out, HELD_OUT)
    assert trained.info.steps == wrote.training.num_steps


def test_a_supernet_whose_weights_are_not_finite_is_not_written(tmp_path, images):
    made = kept(tmp_path / "sound", images).training
    with torch.no_grad():
        next(made.net.parameters()).view(-1)[0] = torch.nan

    with pytest.raises(DivergedError, match="at step 1"):
        keep(tmp_path, made, held_out=HELD_OUT, info={}, name="net")

    assert not list(tmp_path.glob("artifacts/*"))


def test_tracked_statistics_are_kept(tmp_path, images):
    wrote = kept(tmp_path, images)

    read = load_trained(tmp_path, wrote.digest, images, CPU).norms.training

    before = wrote.training.norms.training
    assert isinstance(read, TrackedNorms)
    assert isinstance(before, TrackedNorms)
    assert read.moments.keys() == before.moments.keys()
    assert all(
        torch.equal(ours, theirs)
        for place in read.moments
        for ours, theirs in zip(read.moments[place], before.moments[place], strict=True)
    )


def test_equal_trainings_give_equal_files(tmp_path, images):
    assert kept(tmp_path, images).digest == kept(tmp_path, images).digest


def test_calibration_never_sees_what_is_held_out(images):
    pixels, _ = images.arrays()
    held = {image.tobytes() for image in pixels[HELD_OUT]}

    batches = calibration(images, HELD_OUT, 3, 32, CPU)

    assert [len(batch) for batch in batches] == [32] * 3
    assert not held & {image.numpy().tobytes() for batch in batches for image in batch}


def test_few_images_make_fewer_batches(images):
    batches = calibration(images, np.arange(1400), 8, 32, CPU)

    assert [len(batch) for batch in batches] == [32]


def test_accuracy_is_in_percent_and_refuses_what_is_no_arch(tmp_path, images):
    trained = load_trained(tmp_path, kept(tmp_path, images).digest, images, CPU)
    arch = spaces["cell_27"].at(3)

    (measured,) = trained.accuracies([arch], "held_out", 1, 16)

    assert measured.value == 100 * round(measured.value * len(HELD_OUT) / 100) / len(HELD_OUT)
    with pytest.raises(ValueError, match="9"):
        trained.accuracies([arch, (9, 9, 9)], "held_out", 1, 16)


def rewritten(wrote, spoil=None, **changes):
    """The same file with another header or other tensors, under its own hash."""
    content = artifacts.read(wrote.folder, wrote.digest)
    size = int.from_bytes(content[:8], "little")
    header = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["archfront"])
    text, tensors = json.dumps({**header, **changes}), load(content)
    if spoil:
        spoil(tensors)
    return artifacts.keep(wrote.folder, save(tensors, {"archfront": text}), "safetensors")[0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": CHECKPOINT_VERSION + 1}, "train the supernet anew"),
        ({"recipe": "of_the_team"}, "needs of_the_team, which this worker lacks"),
        ({"space": "elsewhere"}, "needs elsewhere, which this worker lacks"),
        ({"network": {"channels": 3, "cells": 1}}, "does not fit"),
        ({"num_classes": "many"}, "no checkpoint of a supernet"),
        ({"num_classes": -3}, "does not fit"),
        ({"recipe_params": {**PARAMS["spos"], "norms": "none"}}, "does not fit: norms"),
        ({"recipe_params": {**PARAMS["spos"], "lr": 0}}, "does not fit: lr"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_reason(tmp_path, images, changes, message):
    digest = rewritten(kept(tmp_path, images), **changes)

    with pytest.raises(DataError, match=message):
        load_trained(tmp_path, digest, images, CPU)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda tensors: tensors["held_out"].add_(5000), "no places among 1,437"),
        (lambda tensors: tensors.update(held_out=torch.ones(3)), "no places among 1,437"),
        (lambda tensors: tensors["net.source.classifier.weight"].fill_(torch.nan), "not finite"),
    ],
)
def test_tensors_that_nothing_can_be_evaluated_with_are_refused(tmp_path, images, spoil, message):
    digest = rewritten(kept(tmp_path, images), spoil)

    with pytest.raises(DataError, match=message):
        load_trained(tmp_path, digest, images, CPU)


def test_another_sort_of_file_is_refused(tmp_path, images):
    digest, _ = artifacts.keep(tmp_path, b"PK something else", "zip")

    with pytest.raises(DataError, match="no checkpoint of a supernet"):
        load_trained(tmp_path, digest, images, CPU)


def test_a_damaged_file_is_refused(tmp_path, images):
    wrote = kept(tmp_path, images)
    path = artifacts.find(tmp_path, wrote.digest)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))

    with pytest.raises(DataError, match="is damaged"):
        load_trained(tmp_path, wrote.digest, images, CPU)
