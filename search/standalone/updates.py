"""One step of SGD with Nesterov momentum, or of AdamW, by PyTorch's functions for them.

The functions, not the classes: these load the compiler, which takes seconds.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.sgd import sgd

from search.standalone.recipe import Course

SECOND_BETA, EPSILON = 0.999, 1e-8  # of AdamW


class Updates:
    """What an optimizer remembers of every parameter, and its step.

    Parameters without a gradient (of edges that are not run) are left as they are.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], recipe: Course) -> None:
        self._parameters = parameters
        self._recipe = recipe
        self._memory: dict[int, list[Tensor]] = {}  # by place of the parameter

    def step(self, lr: float) -> None:
        """Move every parameter along its gradient, and drop the gradients."""
        places = [i for i, p in enumerate(self._parameters) if p.grad is not None]
        with torch.no_grad():
            self._clip(places)
            if self._recipe.optimizer == "sgd":
                self._sgd(places, lr)
            else:
                self._adamw(places, lr)
        for place in places:
            self._parameters[place].grad = None

    def state(self) -> dict[int, list[Tensor]]:
        """What an equal optimizer goes on from."""
        return self._memory

    def load(self, state: dict[int, list[Tensor]]) -> None:
        """Go on from there."""
        self._memory = {
            place: [*_laid_out(tensors[:2], self._parameters[place]), *tensors[2:]]
            for place, tensors in state.items()
        }

    def _clip(self, places: Sequence[int]) -> None:
        if self._recipe.clip_norm:
            chosen = [self._parameters[place] for place in places]
            nn.utils.clip_grad_norm_(chosen, self._recipe.clip_norm)

    def _sgd(self, places: Sequence[int], lr: float) -> None:
        recipe = self._recipe
        buffers: list[Tensor | None] = [self._memory.get(place, [None])[0] for place in places]
        sgd(
            *self._given(places),
            buffers,
            weight_decay=recipe.weight_decay,
            momentum=recipe.momentum,
            lr=lr,
            dampening=0.0,
            nesterov=recipe.momentum > 0,
            maximize=False,
        )
        if recipe.momentum:
            for place, buffer in zip(places, buffers, strict=True):
                assert buffer is not None
                self._memory[place] = [buffer]

    def _adamw(self, places: Sequence[int], lr: float) -> None:
        recipe = self._recipe
        for place in places:
            parameter = self._parameters[place]
            if place not in self._memory:
                zeros = [torch.zeros_like(parameter), torch.zeros_like(parameter)]
                self._memory[place] = [*zeros, torch.tensor(0.0)]
        kept = [self._memory[place] for place in places]
        adam(
            *self._given(places),
            [tensors[0] for tensors in kept],
            [tensors[1] for tensors in kept],
            [],
            [tensors[2] for tensors in kept],
            amsgrad=False,
            beta1=recipe.momentum,
            beta2=SECOND_BETA,
            lr=lr,
            weight_decay=recipe.weight_decay,
            eps=EPSILON,
            maximize=False,
            decoupled_weight_decay=True,
        )

    def _given(self, places: Sequence[int]) -> tuple[list[Any], list[Any]]:
        chosen = [self._parameters[place] for place in places]
        return list(chosen), [parameter.grad for parameter in chosen]


def _laid_out(tensors: Sequence[Tensor], parameter: Tensor) -> list[Tensor]:
    """On the device and in the layout of their parameter; the count of steps stays as it is."""
    return [torch.empty_like(parameter).copy_(tensor) for tensor in tensors]
