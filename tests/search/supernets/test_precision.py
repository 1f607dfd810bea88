"""Passes in fewer bits: scaled losses, steps that are skipped, and what is divergence."""

import io
import math

import numpy as np
import pytest
import torch

from search.errors import DivergedError
from search.supernets.paths import PathSampler
from search.supernets.steps import pass_of
from tests.search.supernets.test_training import (
    assert_equal,
    examples,
    finished,
    of,
    spoil_gradients,
    training,
    weights,
)

SPACES = ("cell_27", "elastic_tiny", "vit")


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
@pytest.mark.parametrize("space", SPACES)
def test_losses_are_near_those_in_float32_and_weights_stay_float32(precision, space):
    full = training(of("spos"), space).step()
    made = training(of("spos", precision=precision), space)

    report = made.step()

    assert report.losses["solo"] == pytest.approx(full.losses["solo"], rel=0.05)
    assert report.passes[0].logits_BK.dtype is torch.float32
    assert {p.dtype for p in made.net.parameters()} == {torch.float32}
    assert not torch.equal(report.passes[0].logits_BK, full.passes[0].logits_BK)


def test_a_scaled_loss_gives_gradients_of_the_loss():
    seen = []

    class Watched(PathSampler):
        def passes(self, moment):
            return [pass_of((0, 1, 2))]

        def observe(self, report):
            seen.append([p.grad.clone() for p in self.parameters if p.grad is not None])

    for precision in ("float32", "float16"):
        made = training(of("spos", precision=precision, clip_norm=0.0))
        set_scale(made, 8.0)
        made.paths = Watched(made.net.space, np.random.default_rng(0))
        made.paths.parameters = list(made.net.parameters())
        made.step()

    full, half = (torch.cat([g.flatten() for g in gradients]) for gradients in seen)
    assert float((half - full).norm() / full.norm()) < 0.1


def set_scale(made, scale):
    state = torch.amp.GradScaler("cpu").state_dict() | {"scale": scale}
    made.passes.scaling.load_state_dict({"scaler": state, "skipped": 0})


def overflowing(scale):
    made = training(of("spos", precision="float16"))
    set_scale(made, scale)
    return made


def test_a_gradient_that_overflows_is_skipped_and_the_scale_is_halved():
    made = overflowing(2.0**40)
    before = weights(made)

    report = made.step()

    assert math.isfinite(report.losses["solo"])
    assert_equal(weights(made), before)
    assert made.passes.scaling.scale == 2.0**39
    assert made.passes.scaling.skipped == 1
    assert made.steps_done == 1


def test_samplers_do_not_learn_from_skipped_steps():
    made = overflowing(2.0**40)
    made.paths.observe = lambda _report: pytest.fail("a skipped step was observed")

    made.step()


def test_after_some_skipped_steps_the_scale_fits_and_the_weights_change():
    made = overflowing(2.0**20)
    before = weights(made)

    for _ in made.run():
        pass

    assert any(not torch.equal(before[key], value) for key, value in weights(made).items())


def test_a_loss_that_is_not_finite_is_divergence_at_any_scale():
    data = examples()
    made = training(of("spos", precision="float16"), data=data)
    made.step()
    data.x_NCHW.fill_(math.nan)

    with pytest.raises(DivergedError, match="step 1"):
        made.step()


def test_a_gradient_that_fits_no_scale_began_with_the_first_step_that_was_skipped_for_it():
    made = training(of("spos", precision="float16", epochs=3))
    set_scale(made, 4.0)
    made.step()
    spoil_gradients(made)
    made.step()
    second = training(made.recipe, seed=9)
    second.load_state_dict(made.state_dict())  # the count is kept
    spoil_gradients(second)

    with pytest.raises(DivergedError, match="step 1"):
        for _ in second.run():
            pass

    assert second.passes.scaling.skipped == 2  # at 4 and at 2; 1 cannot be lowered


def test_a_training_in_float16_goes_on_with_its_scale():
    recipe = of("spos", precision="float16", epochs=3)
    whole = finished(recipe)
    first = training(recipe)
    for _ in range(4):
        first.step()
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second = training(recipe, seed=9)
    second.load_state_dict(torch.load(file, weights_only=True))
    for _ in second.run():
        pass

    assert_equal(weights(second), weights(whole))
    assert second.state_dict()["scaling"] == whole.state_dict()["scaling"]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_only_float16_scales(precision):
    made = training(of("spos", precision=precision))
    made.step()

    assert made.passes.scaling.scale == 1
    assert made.state_dict()["scaling"] == {}
