"""The loop: what a step does, what makes two trainings equal, and what is kept."""

import io
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from search.errors import DivergedError
from search.supernets.examples import HeldExamples
from search.supernets.losses import HardLabel
from search.supernets.making import supernet_of
from search.supernets.mix import onehot
from search.supernets.norms import FixedNorms, calibrated
from search.supernets.paths import PathSampler
from search.supernets.recipe import Dropping
from search.supernets.recipes import recipes, unfit_reason
from search.supernets.schedules import constant
from search.supernets.splitting import member_sources
from search.supernets.steps import gradient_norms, pass_of
from search.supernets.supernet import BATCH_NORMS, zero_branch_ends
from search.supernets.training import Training
from search.supernets.updates import Clip
from tests.search.supernets.conftest import SMALL, small

CLASSES, COUNT = 3, 22
QUICK = {"epochs": 2, "batch_size": 8}
SPACES = dict.fromkeys(recipes, "elastic_tiny") | dict.fromkeys(
    (
        "spos",
        "random_a",
        "fairnas",
        "panda",
        "deeper_insights",
        "few_shot",
        "gradient_matching",
    ),
    "cell_27",
)


def examples(shape=(1, 8, 8), scale=1.0):
    generator = torch.Generator().manual_seed(4)
    x = scale * torch.randn(COUNT, *shape, generator=generator)
    return HeldExamples(x, torch.randint(CLASSES, (COUNT,), generator=generator))


def training(recipe, space="cell_27", seed=0, data=None, **settings):
    data = data or examples()
    net = supernet_of(
        space, recipe, shape=data.x_NCHW.shape[1:], num_classes=CLASSES, seed=seed, **SMALL[space]
    )
    return Training(net, recipe, data, seed=seed, **settings)


PHASES = {
    "few_shot": {"epochs": 1, "member_epochs": 1},
    "gradient_matching": {"epochs": 1, "epochs_between": 1, "last_epochs": 1, "batches": 1},
}

PHASES["shiftnas"] = {"warmup_epochs": 1, "every": 1, "bins": 2, "held_out": 0.1}
EPOCHS = {"few_shot": 1 + 3, "gradient_matching": 1 + 2 + 4}  # of all members


def of(name, **params):
    return recipes[name](**{**QUICK, **PHASES.get(name, {}), **params})


def finished(recipe, space="cell_27", **settings):
    made = training(recipe, space, **settings)
    for _ in made.run():
        pass
    return made


def continued(first, recipe, space="cell_27"):
    """Another training takes up where *first* stands, and goes on to its end."""
    second = training(recipe, space, seed=9)
    second.load_state_dict(first.state_dict())
    for _ in second.run():
        pass
    return second


def weights(made):
    return {key: value.clone() for key, value in made.net.state_dict().items()}


def assert_equal(first, second):
    torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.fixture(params=recipes)
def recipe_name(request):
    return request.param


def test_every_recipe_trains(recipe_name):
    space = SPACES[recipe_name]
    made = training(of(recipe_name), space)
    before = made.net.source.state_dict()
    before = {key: value.clone() for key, value in before.items()}

    reports = list(made.run())

    assert made.is_done
    assert len(reports) == made.num_steps == EPOCHS.get(recipe_name, 2) * 3
    assert all(math.isfinite(loss) for r in reports for loss in r.losses.values())
    for source in member_sources(made.net):
        after = source.state_dict()
        assert any(not torch.equal(value, after[key]) for key, value in before.items())


def test_a_training_continued_from_any_step_equals_an_undisturbed_one(recipe_name):
    space = SPACES[recipe_name]
    recipe = replace(of(recipe_name), norms="tracked")
    whole = finished(recipe, space)

    for stop in (1, 3):  # within an epoch, and between two
        first = training(recipe, space)
        for _ in range(stop):
            first.step()
        file = io.BytesIO()
        torch.save(first.state_dict(), file)
        file.seek(0)
        second = training(recipe, space, seed=9)  # another seed: the state must hold everything
        second.load_state_dict(torch.load(file, weights_only=True))
        for _ in second.run():
            pass

        assert_equal(weights(second), weights(whole))
        assert_equal(second.norms.state_dict(), whole.norms.state_dict())
        assert_equal(second.optimizer.state_dict()["state"], whole.optimizer.state_dict()["state"])


def test_equal_seeds_give_equal_weights_and_others_do_not():
    recipe = of("spos")

    assert_equal(weights(finished(recipe)), weights(finished(recipe)))
    first, second = weights(finished(recipe)), weights(finished(recipe, seed=1))
    assert not torch.equal(first["source.stem/0.weight"], second["source.stem/0.weight"])


def test_global_generators_are_not_touched():
    before = torch.get_rng_state(), np.random.get_state()[1].copy()

    finished(of("bignas"), "elastic_tiny")

    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])


def test_panda_without_weighing_is_spos_bit_for_bit():
    settings = {"lr": 0.05, "last_lr": 0.0, "weight_decay": 2.5e-4, "epochs": 3}
    baseline = finished(of("spos", norms="batch", affine=False, **settings))

    identity = finished(of("panda", weighs_paths=False, weighs_data=False, **settings))

    assert_equal(weights(identity), weights(baseline))


def test_panda_with_weighing_is_not_spos():
    settings = {"lr": 0.05, "last_lr": 0.0, "weight_decay": 2.5e-4, "epochs": 3}

    assert_differ(
        finished(of("spos", norms="batch", affine=False, **settings)),
        finished(of("panda", **settings)),
    )


def assert_differ(first, second):
    a, b = weights(first), weights(second)
    assert any(not torch.equal(a[key], b[key]) for key in a)


def test_bignas_without_its_refinements_is_the_sandwich_bit_for_bit():
    plain = of("sandwich", smoothing=0.1)
    bare = of("bignas", dropout=0.0, drop_path=0.0, starts_as_identity=False)

    assert_equal(
        weights(finished(replace(bare, lr=plain.lr), "elastic_tiny")),
        weights(finished(plain, "elastic_tiny")),
    )


def test_alphanet_with_both_orders_1_is_distillation_by_kl():
    settings = {"dropout": 0.0, "drop_path": 0.0}
    alpha = finished(of("alphanet", alpha_minus=1.0, **settings), "elastic_tiny")
    kl = replace(of("sandwich", smoothing=0.1), clip=Clip("value", 1.0))

    torch.testing.assert_close(
        weights(alpha), weights(finished(kl, "elastic_tiny")), rtol=1e-3, atol=1e-5
    )


def test_watching_never_changes_a_training():
    recipe = of("bignas")
    alone = finished(recipe, "elastic_tiny")
    watched = training(replace(recipe, watches_gradients=True), "elastic_tiny")
    rng = np.random.default_rng(3)

    for report in watched.run():
        mix = onehot(watched.net.space.sample(rng))
        norms = calibrated(lambda x, n: watched.net(x, mix, n), [watched.examples.x_NCHW])  # noqa: B023
        with torch.no_grad():
            watched.net(watched.examples.x_NCHW, mix, norms)
        watched.state_dict()
        assert report.norms_before

    assert_equal(weights(watched), weights(alone))


class Given(PathSampler):
    """Passes as they were given."""

    after = ()

    def passes(self, moment):
        return self.given

    def observe(self, report):
        self.after = gradient_norms(self.parameters)
        self.entries = torch.cat([p.grad.flatten() for p in self.parameters if p.grad is not None])


def given(recipe, passes, space="elastic_tiny", **settings):
    made = training(recipe, space, **settings)
    made.paths = Given(made.net.space, np.random.default_rng(0))
    made.paths.given, made.paths.parameters = passes, list(made.net.parameters())
    return made


BIG, SMALLEST = (3, 2, 2, 1) * 2, (0,) * 8


def gradients(recipe, passes, **settings):
    made = given(recipe, passes, **settings)
    made.step()
    return [None if p.grad is None else p.grad.clone() for p in made.net.parameters()]


def test_gradients_of_passes_are_summed_with_their_weights():
    recipe = replace(of("sandwich", distils=False), clip=None)
    big = gradients(recipe, [pass_of(BIG)])
    little = gradients(recipe, [pass_of(SMALLEST)])

    both = gradients(recipe, [pass_of(BIG), pass_of(SMALLEST, weight=0.5)])

    for a, b, total in zip(big, little, both, strict=True):
        torch.testing.assert_close(total, a if b is None else a + 0.5 * b, rtol=1e-4, atol=1e-6)


class ByRole(HardLabel):
    """A loss whose gradient by one number is 1, 2 or 4."""

    def __call__(self, role, logits_BK, y_B, memo):
        return (self.number * {"max": 1, "mid": 2, "min": 4}[role]).expand(len(y_B))


def test_gradients_of_1_2_and_4_are_7_before_the_step():
    made = training(replace(of("sandwich", num_mid=1), loss=ByRole), "elastic_tiny")
    bias = made.net.source.parameters_of(made.net.slots["classifier"])[1]
    made.passes.loss.number = bias[0]
    seen = []
    made.paths.observe = lambda _report: seen.append(float(bias.grad[0]))

    made.step()

    assert seen == [7.0]


def test_a_pass_of_weight_0_is_left_out():
    recipe = of("sandwich", distils=False)

    with_it = given(recipe, [pass_of(BIG), pass_of(SMALLEST, "min", 0.0)]).step()

    assert [p.done.mix.arch for p in with_it.passes] == [BIG]


def test_weights_of_roles_follow_their_schedules():
    recipe = replace(of("sandwich", distils=False), weighs={"min": constant(0.5)}, clip=None)

    by_role = gradients(recipe, [pass_of(BIG), pass_of(SMALLEST, "min")])
    by_pass = gradients(recipe, [pass_of(BIG), pass_of(SMALLEST, weight=0.5)])

    assert_equal(by_role, by_pass)


def test_labels_change_the_gradient_of_the_largest_alone():
    recipe = replace(of("bignas", smoothing=0.0), dropping=Dropping())
    net = training(recipe, "elastic_tiny").net
    x, y = examples().x_NCHW, examples().y_N
    found = []
    for labels in (y, y.flip(0)):
        made, memo = recipe.loss(), {}
        for role, arch in (("max", BIG), ("min", SMALLEST)):
            loss = made(role, net(x, onehot(arch)), labels, memo).mean()
            found.append(torch.autograd.grad(loss, net.source.parameters_of(net.slots["stem.0"])))

    assert not torch.equal(found[0][0], found[2][0])
    assert_equal(found[1], found[3])


def test_branches_that_start_at_zero_are_the_identity_and_learn_their_scale_first():
    net = small("elastic_tiny", shape=(1, 8, 8))
    zero_branch_ends(net)
    x = torch.randn(4, 32, 4, 4, generator=torch.Generator().manual_seed(0))
    block, mix = net._stages[1][1], onehot(BIG)

    y = net._block(x, block, mix, net.forward.__defaults__[0], None)
    assert torch.equal(y, x)
    (y * torch.randn(y.shape, generator=torch.Generator().manual_seed(1))).sum().backward()

    for conv, _ in (block.widen, block.look, block.narrow):
        assert net.source.parameters_of(conv)[0].grad.abs().max() == 0
    assert net.source.parameters_of(block.narrow[1])[0].grad.abs().max() > 0


@pytest.mark.parametrize("norms", [BATCH_NORMS, FixedNorms({})], ids=["training", "evaluation"])
def test_a_stage_of_shortcuts_that_starts_at_zero_is_the_identity(norms):
    net = small("elastic_tiny", shape=(1, 8, 8))
    zero_branch_ends(net)
    stage, mix = net._stages[0], onehot(BIG)
    assert all(block.has_shortcut for block in stage)
    x = torch.randn(4, 32, 8, 8, generator=torch.Generator().manual_seed(0))

    y = x
    for block in stage:
        y = net._block(y, block, mix, norms, None)

    assert torch.equal(y, x)


def test_norm_clipping_scales_the_gradient_and_tells_both_norms():
    recipe = replace(
        of("sandwich", distils=False), clip=Clip("norm", 0.01), watches_gradients=True
    )
    made = given(recipe, [pass_of(BIG)])

    report = made.step()

    after = math.hypot(*made.paths.after)
    assert report.norm_before > 0.01
    assert after == pytest.approx(0.01, rel=1e-3)
    assert float(report.norm_after) == pytest.approx(after, rel=1e-3)
    before = math.hypot(*(float(n) for n in report.norms_before.values()))
    assert before == pytest.approx(float(report.norm_before), rel=1e-4)


def test_value_clipping_cuts_entries_off():
    recipe = replace(of("sandwich", distils=False), clip=Clip("value", 0.001))
    made = given(recipe, [pass_of(BIG)])

    made.step()

    assert made.paths.entries.abs().max() == pytest.approx(0.001)


def test_the_greatest_entry_is_told_as_it_was_before_it_was_cut_off():
    whole = given(of("sandwich", distils=False), [pass_of(BIG)])
    cut = given(replace(whole.recipe, clip=Clip("value", 0.001)), [pass_of(BIG)])

    report, plain = cut.step(), whole.step()

    assert float(report.greatest) == float(whole.paths.entries.abs().max()) > 0.001
    assert plain.greatest is None
    assert float(plain.norm_before) == pytest.approx(math.hypot(*whole.paths.after), rel=1e-4)


def test_reports_hold_what_a_sampler_may_learn_from():
    report = training(of("spos")).step()
    (done,) = report.passes

    assert done.logits_BK.shape == (8, CLASSES)
    torch.testing.assert_close(done.losses_B.mean(), done.loss)
    torch.testing.assert_close(done.losses_B, HardLabel()("solo", done.logits_BK, report.y_B, {}))
    assert report.lr == 0.025
    assert len(set(report.places.tolist())) == 8


def test_dropping_disturbs_the_largest_alone():
    noisy = replace(of("bignas", starts_as_identity=False), loss=HardLabel)
    made = given(noisy, [pass_of(BIG, "max")])
    other = given(replace(noisy, dropping=Dropping()), [pass_of(BIG, "max")])
    assert not torch.equal(made.step().passes[0].logits_BK, other.step().passes[0].logits_BK)

    made.paths.given = other.paths.given = [pass_of(SMALLEST, "solo")]
    made.net.load_state_dict(other.net.state_dict())
    assert_equal(made.step().passes[0].logits_BK, other.step().passes[0].logits_BK)


def test_divergence_is_told_with_the_step_at_which_it_began():
    data = examples()
    made = training(of("spos"), data=data)
    made.step()
    made.step()
    data.x_NCHW.fill_(math.nan)

    with pytest.raises(DivergedError, match="diverged at step 2"):
        for _ in made.run():
            pass
    with pytest.raises(DivergedError):
        made.state_dict()


def spoil_gradients(made):
    """From now on gradients are infinite, while losses are what they were."""
    for parameter in made.net.parameters():
        if parameter.requires_grad:
            parameter.register_hook(lambda gradient: torch.full_like(gradient, math.inf))


def test_a_gradient_that_is_not_finite_is_told_at_once_even_after_the_last_step(recipe_name):
    made = training(of(recipe_name), SPACES[recipe_name])
    while made.steps_done < made.num_steps - 1:
        made.step()
    spoil_gradients(made)

    with pytest.raises(DivergedError, match=f"at step {made.num_steps - 1}: the loss or its grad"):
        made.step()


def test_a_gradient_that_nobody_but_the_sampler_reads_is_watched_too():
    made = training(of("shiftnas"), SPACES["shiftnas"])
    made.paths.own_gradients = lambda: [torch.tensor([1.0, math.nan])]

    with pytest.raises(DivergedError, match="at step 0"):
        made.step()


def test_weights_that_are_not_finite_are_never_kept():
    made = finished(of("sandwich"), "elastic_tiny")
    with torch.no_grad():
        next(made.net.parameters()).view(-1)[0] = math.inf

    with pytest.raises(DivergedError, match="at step 5"):
        made.state_dict()


def test_a_step_that_spoils_the_weights_with_a_finite_gradient_is_told_by_the_epochs_end():
    made = training(of("sandwich"), "elastic_tiny")
    made.step()
    made.step()
    step = made.optimizer.step

    def spoiling():
        step()
        with torch.no_grad():
            next(made.net.parameters()).view(-1)[0] = math.nan

    made.optimizer.step = spoiling

    with pytest.raises(DivergedError, match="at step 2"):  # the last of the epoch
        made.step()


def test_bfloat16_passes_keep_weights_and_losses_in_float32():
    made = training(of("spos", precision="bfloat16"))

    report = made.step()

    assert report.passes[0].losses_B.dtype is torch.float32
    assert {p.dtype for p in made.net.parameters()} == {torch.float32}


def test_norms_without_scale_and_shift_stay_the_identity():
    made = finished(of("spos", affine=False))
    norms = [slot for slot in made.net.slots.values() if slot.kind == "norm"]

    for parameters in filter(None, map(made.net.source.parameters_of, norms)):
        assert (parameters[0] == 1).all()
        assert (parameters[1] == 0).all()
    stem = made.net.slots["stem.0"]
    assert made.net.source.parameters_of(stem)[0] in made.optimizer.state


@pytest.mark.parametrize("name", ["panda", "few_shot", "gradient_matching"])
def test_norms_have_no_scale_and_shift_where_the_authors_have_none(name):
    params = {} if name == "panda" else {"restarts": True}
    made, other = finished(of(name, **params)), training(of(name, affine=True))
    norms = [slot for slot in made.net.slots.values() if slot.kind == "norm"]

    values = [p for slot in norms for p in made.net.source.parameters_of(slot)]
    assert values
    assert not any(p.requires_grad for p in values)
    assert {float(v) for p in values for v in p} == {0.0, 1.0}
    assert all(p.requires_grad for p in other.net.parameters())


def test_the_hypernetwork_does_not_decay_and_all_else_does():
    made = training(of("hypernetwork"), "elastic_tiny")
    (first, second) = made.optimizer.param_groups
    generated = set(made.net.source.undecayed())

    assert (first["weight_decay"], second["weight_decay"]) == (1e-4, 0.0)
    assert set(second["params"]) == generated
    assert set(first["params"]) == set(made.net.parameters()) - generated
    assert any(p.ndim == 1 for p in first["params"])
    assert made.net.source.kernels["1"].first_weight in generated


def test_a_last_batch_of_one_image_is_left_out():
    made = training(of("spos", batch_size=7))  # 22 = 3 * 7 + 1

    assert made.steps_per_epoch == 3


def test_unfit_spaces_are_refused_before_anything_is_trained():
    assert "chooses an operation" in unfit_reason(of("bignas"), "cell_27")
    assert "no supernet of space darts" in unfit_reason(of("spos"), "darts")
    assert unfit_reason(of("bignas"), "mobile") is None
    with pytest.raises(ValueError, match="chooses an operation"):
        training(of("bignas"), "cell_27")


def test_supernets_learn():
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(64) % CLASSES
    patterns = torch.randn(CLASSES, 1, 8, 8, generator=generator)
    x = patterns[y] + 0.3 * torch.randn(64, 1, 8, 8, generator=generator)
    recipe = of("bignas", epochs=4, batch_size=16, dropout=0.0)

    made = training(recipe, "elastic_tiny", data=HeldExamples(x, y))
    losses = [report.losses for report in made.run()]

    for role in ("max", "min"):
        early, late = (
            np.mean([loss[role] for loss in part]) for part in (losses[:4], losses[-4:])
        )
        assert late < 0.9 * early


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_every_recipe_trains_on_cuda(recipe_name):
    recipe, space, data = of(recipe_name), SPACES[recipe_name], examples()
    on_device = HeldExamples(data.x_NCHW.cuda(), data.y_N.cuda())
    net = supernet_of(
        space,
        recipe,
        shape=(1, 8, 8),
        num_classes=CLASSES,
        seed=0,
        device=torch.device("cuda"),
        **SMALL[space],
    )
    made = Training(net, recipe, on_device, seed=0)

    for _ in made.run():
        pass

    made.load_state_dict(made.state_dict())
    assert next(net.parameters()).is_cuda


def test_recipes_fit_the_spaces_they_are_meant_for(recipe_name):
    assert unfit_reason(of(recipe_name), SPACES[recipe_name]) is None
