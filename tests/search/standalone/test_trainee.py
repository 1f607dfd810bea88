import json
import random

import numpy as np
import pytest
import torch
from torch import nn

from search.errors import DataError
from search.layout import laid_out, memory_format_for
from search.standalone.outcome import MAX_CURVE, thinned
from search.standalone.recipe import ImageRecipe, Recipe
from search.standalone.states import FOLDER
from tests.search.standalone.making import build, images, left_after, trained, trainee

RECIPE = ImageRecipe(epochs=4, batch_size=8, crop_padding=1, flip=True, lr=0.02)


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def undisturbed():
    return trained(trainee().train(RECIPE))


def same(first, second):
    values = [(found.validation, found.test, found.curve) for found in (first, second)]
    return values[0] == values[1]


def test_a_network_learns(undisturbed):
    longer = trained(trainee().train(ImageRecipe(epochs=15, batch_size=8, lr=0.02)))

    assert longer.test.accuracy > 80
    assert longer.curve["loss"][-1] < longer.curve["loss"][0] / 2
    assert longer.num_examples == {"train": 56, "validation": 14, "test": 30}
    assert longer.validation.accuracy == longer.curve["validation_accuracy"][-1]


def test_equal_trainings_give_equal_values(undisturbed):
    assert same(trained(trainee().train(RECIPE)), undisturbed)


def test_another_seed_gives_another_training(undisturbed):
    assert not same(trained(trainee(seed=4).train(RECIPE)), undisturbed)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("epochs", [1, 3])
def test_who_is_left_goes_on_bit_for_bit(tmp_path, epochs, optimizer):
    recipe = RECIPE.model_copy(update={"optimizer": optimizer, "lr": 0.01})
    whole = trained(trainee().train(recipe))
    left_after(trainee(tmp_path).train(recipe), epochs)

    found = trained(trainee(tmp_path).train(recipe))

    assert same(found, whole)
    assert found.resumed_after == (epochs,)


def test_a_longer_training_goes_on_from_a_shorter_one(tmp_path):
    short, long = (ImageRecipe(epochs=e, horizon=6, batch_size=8) for e in (2, 5))
    first = trained(trainee(tmp_path).train(short))

    found = trained(trainee(tmp_path).train(long))

    assert same(found, trained(trainee().train(long)))
    assert found.resumed_after == (2,)
    assert found.curve["loss"][:2] == first.curve["loss"]


def test_what_is_finished_is_not_trained_again(tmp_path, undisturbed):
    trained(trainee(tmp_path).train(RECIPE))
    steps = trainee(tmp_path).train(RECIPE)

    with pytest.raises(StopIteration) as end:
        next(steps)

    assert same(end.value.value, undisturbed)


def test_no_weights_are_kept_when_no_training_can_go_on(tmp_path):
    trained(trainee(tmp_path).train(RECIPE))

    (path,) = (tmp_path / FOLDER).iterdir()

    assert "network" not in torch.load(path, weights_only=True)
    assert path.stat().st_size < 10_000


def test_a_damaged_state_only_costs_time(tmp_path, undisturbed):
    left_after(trainee(tmp_path).train(RECIPE), 3)
    (path,) = (tmp_path / FOLDER).iterdir()
    path.write_bytes(path.read_bytes()[:-200])

    assert same(trained(trainee(tmp_path).train(RECIPE)), undisturbed)


def test_two_metrics_share_one_training():
    one = trainee()
    trained(one.train(RECIPE))

    with pytest.raises(StopIteration):
        next(one.train(RECIPE))


def test_what_diverges_is_undefined_with_its_epoch(tmp_path):
    wild = ImageRecipe(epochs=6, batch_size=8, lr=10.0, momentum=0.99, weight_decay=1.0)

    def exploding(*, num_classes, generator):
        net = build(num_classes=num_classes, generator=generator)
        net.head.weight.register_hook(lambda gradient: gradient * 1e30)
        return net

    found = trained(trainee(tmp_path, make=exploding).train(wild))

    assert np.isnan(found.test.accuracy)
    assert found.details()["reason"] == f"the loss was not finite in epoch {found.diverged_in}"
    assert 1 <= found.diverged_in < 6
    json.dumps(found.details(), allow_nan=False)
    again = trained(trainee(tmp_path, make=exploding).train(wild))
    assert again.diverged_in == found.diverged_in


def test_the_test_part_decides_nothing_but_its_own_figure(undisturbed):
    data = images()
    other = images(num_test=12)

    found = trained(trainee(data=other).train(RECIPE))

    assert found.curve == undisturbed.curve
    assert found.num_examples["test"] == 12
    assert data.info.num_test == 30


def test_a_batch_may_be_larger_than_the_data():
    recipe = Recipe(epochs=1, batch_size=4096)

    assert trained(trainee().train(recipe)).diverged_in is None


def test_too_little_data_is_told():
    with pytest.raises(DataError, match="too few"):
        trained(trainee(data=images(num_train=2)).train(Recipe(validation_share=0.5)))


def test_nothing_is_drawn_from_the_global_generators(undisturbed):
    before = torch.random.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()

    trained(trainee().train(RECIPE))

    after = torch.random.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    assert torch.equal(before[0], after[0])
    assert before[1:] == after[1:]


def test_the_state_of_global_generators_decides_nothing(undisturbed):
    torch.rand(7)

    assert same(trained(trainee().train(RECIPE)), undisturbed)


def test_pauses_tell_how_far_it_is():
    pauses = list(trainee().train(RECIPE))

    ends = [pause for pause in pauses if pause.is_epoch_end]
    assert [pause.epoch for pause in ends] == [1, 2, 3, 4]
    assert [pause.share for pause in pauses] == sorted(pause.share for pause in pauses)
    assert pauses[-1].share == 1.0


def test_a_long_curve_is_thinned():
    curve = {"loss": [1 / (n + 1) for n in range(1000)]}

    short = thinned(curve)

    assert len(short["loss"]) == len(short["epoch"]) == MAX_CURVE
    assert (short["epoch"][0], short["epoch"][-1]) == (1, 1000)
    assert short["loss"][-1] == 0.001


def test_details_are_json(undisturbed):
    details = json.loads(json.dumps(undisturbed.details(), allow_nan=False))

    assert details["test_accuracy"] == undisturbed.test.accuracy
    assert details["curve"]["epoch"] == [1, 2, 3, 4]


def test_layers_that_would_crash_are_not_run_in_channels_last():
    crashing = nn.Conv2d(3, 8, 1, stride=2)
    fine = nn.Conv2d(16, 8, 1, stride=2)
    cpu = torch.device("cpu")

    assert memory_format_for(crashing, cpu) is torch.contiguous_format
    assert memory_format_for(fine, cpu) is torch.channels_last
    assert memory_format_for(fine, torch.device("cuda")) is torch.contiguous_format


def test_images_of_one_channel_are_in_one_memory_format_alone():
    of_numpy = torch.zeros(4, 8, 8, 1).permute(0, 3, 1, 2)  # in both formats at once

    plain = laid_out(of_numpy, torch.contiguous_format)

    assert of_numpy.stride() == (64, 1, 8, 1)
    assert plain.stride() == (64, 64, 8, 1)
