"""What goes into one training step and what comes out of it.

Shapes: B images, C channels, H height, W width, K classes.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from search.spaces import Arch
from search.supernets.mix import Mix, onehot
from search.supernets.parts import Part

Labelled = tuple[Tensor, Tensor]  # images B x C x H x W, and labels
Role = Literal["max", "min", "mid", "solo"]


@dataclass(frozen=True)
class Pass:
    """One forward and backward pass of a step.

    Attributes:
        mix: of what.
        role: ``max`` teaches the others of the step where the loss distils; ``solo`` stands
            alone.
        weight: factor of its loss; a pass of weight 0 is left out.
    """

    mix: Mix
    role: Role = "solo"
    weight: float = 1.0


def pass_of(arch: Arch, role: Role = "solo", weight: float = 1.0) -> Pass:
    """The pass of one architecture."""
    return Pass(onehot(arch), role, weight)


@dataclass(frozen=True)
class Moment:
    """Where a training stands in its schedule.

    Attributes:
        step: steps that lie behind.
        steps_per_epoch: how many steps an epoch has.
        num_epochs: how many epochs there are to be.
        loss_of: mean loss of a mix on the batch of this step, without gradients.
        part: of the space, of the member that is trained; None where there are no members.
        batches: images and labels of the batch of this step, and of one that was held out,
            another at every call; None where nothing is held out.
    """

    step: int
    steps_per_epoch: int
    num_epochs: int
    loss_of: Callable[[Mix], float]
    part: Part | None = None
    batches: Callable[[], tuple[Labelled, Labelled]] | None = None

    @property
    def epoch(self) -> int:
        """The running epoch, from 0."""
        return self.step // self.steps_per_epoch

    @property
    def position(self) -> float:
        """Epochs that lie behind, the part of the running one included."""
        return self.step / self.steps_per_epoch


@dataclass(frozen=True)
class PassReport:
    """What one pass gave; tensors are on the device of the network and have no graph.

    Attributes:
        loss: mean over the batch, before the weight of the pass.
        told: what the loss tells besides, means over the batch.
    """

    done: Pass
    loss: Tensor
    losses_B: Tensor
    logits_BK: Tensor
    told: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass
class Report:
    """What one step gave.

    Attributes:
        step: number of the step, from 0.
        epoch: number of its epoch in its schedule, from 0.
        places: of the images of the batch among the training examples.
        y_B: their labels.
        passes: of every pass that was run.
        lr: learning rate.
        norm_before: of the gradient of all parameters before clipping; None where entries are cut
            off and nobody asked.
        norm_after: the same after clipping.
        greatest: size of the gradient's largest entry before entries are cut off; None where
            they are not.
        norms_before: norms before clipping by parameter; empty where nobody asked.
        seconds: that the step took on the clock.
        phase: of the training, from 0.
        member: that was trained, from 0.
    """

    step: int
    epoch: int
    places: NDArray[np.int64]
    y_B: Tensor
    passes: list[PassReport]
    lr: float
    norm_before: Tensor | None = None
    norm_after: Tensor | None = None
    greatest: Tensor | None = None
    norms_before: dict[nn.Parameter, Tensor] = field(default_factory=dict)
    seconds: float = 0.0
    phase: int = 0
    member: int = 0

    @property
    def losses(self) -> dict[str, float]:
        """Mean loss of the passes of each role; waits for the device."""
        by_role: dict[str, list[float]] = {}
        for report in self.passes:
            by_role.setdefault(report.done.role, []).append(float(report.loss))
        return {role: sum(values) / len(values) for role, values in by_role.items()}


def gradient_norms(parameters: Iterable[nn.Parameter]) -> list[float]:
    """Norms of the gradients as they stand: after clipping, while a sampler observes.

    Parameters without a gradient count 0.
    """
    found = list(parameters)
    gradients = [p.grad for p in found if p.grad is not None]
    norms = iter(torch.stack(torch._foreach_norm(gradients)).tolist() if gradients else [])
    return [0.0 if p.grad is None else next(norms) for p in found]
