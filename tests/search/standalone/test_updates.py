"""The steps are those of PyTorch's optimizers."""

import pytest
import torch
from torch import nn

from search.standalone.recipe import Recipe
from search.standalone.updates import Updates


def parameters():
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((3, 2), (4,), ())]


def driven(step, given, num):
    generator = torch.Generator().manual_seed(1)
    for place in range(num):
        for parameter in given[: 2 if place == 1 else 3]:  # one has no gradient once
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        step(0.1 / (place + 1))
    return [parameter.detach() for parameter in given]


def reference(make, given):
    optimizer = make(given)

    def step(lr):
        optimizer.param_groups[0]["lr"] = lr
        optimizer.step()
        optimizer.zero_grad()

    return step


@pytest.mark.parametrize(
    ("recipe", "make"),
    [
        (
            Recipe(momentum=0.8, weight_decay=0.01),
            lambda p: torch.optim.SGD(p, lr=1.0, momentum=0.8, weight_decay=0.01, nesterov=True),
        ),
        (
            Recipe(momentum=0.0, weight_decay=0.01),
            lambda p: torch.optim.SGD(p, lr=1.0, weight_decay=0.01),
        ),
        (
            Recipe(optimizer="adamw", weight_decay=0.1),
            lambda p: torch.optim.AdamW(p, lr=1.0, weight_decay=0.1),
        ),
    ],
    ids=["nesterov", "plain", "adamw"],
)
def test_steps_are_those_of_the_library(recipe, make):
    ours, theirs = parameters(), parameters()

    found = driven(Updates(ours, recipe).step, ours, 4)

    expected = driven(reference(make, theirs), theirs, 4)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_saved_state_goes_on_as_if_nothing_had_happened(optimizer):
    recipe = Recipe(optimizer=optimizer)
    given = parameters()
    updates = Updates(given, recipe)
    driven(updates.step, given, 2)
    again = [nn.Parameter(parameter.detach().clone()) for parameter in given]
    loaded = Updates(again, recipe)
    loaded.load({place: [t.clone() for t in kept] for place, kept in updates.state().items()})

    assert all(map(torch.equal, driven(updates.step, given, 3), driven(loaded.step, again, 3)))


def test_gradients_are_clipped_together():
    recipe = Recipe(momentum=0.0, weight_decay=0.0, clip_norm=1.0)
    first, second = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    first.grad, second.grad = torch.tensor([3.0]), torch.tensor([4.0])

    Updates([first, second], recipe).step(1.0)

    torch.testing.assert_close((first.item(), second.item()), (-0.6, -0.8), atol=1e-5, rtol=0)
