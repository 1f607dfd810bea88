"""How the losses of a step's passes become one change of the weights."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from search.supernets.sources import WeightSource
from search.supernets.supernet import Supernet


@dataclass(frozen=True)
class Clip:
    """A limit of the summed gradient.

    Attributes:
        kind: ``norm`` scales all gradients down together; ``value`` cuts every entry off.
        limit: of the norm, or of an entry's size.
    """

    kind: Literal["norm", "value"]
    limit: float


@dataclass(frozen=True)
class Optimiser:
    """Which optimiser, and its settings besides the learning rate.

    Attributes:
        kind: ``sgd``, ``rmsprop``, ``adam`` or ``adamw``.
        momentum: of either; the first beta of ``adam`` and ``adamw``, whose second is .999.
        nesterov: of ``sgd``.
        weight_decay: L2 penalty; of ``adamw`` decoupled from the gradient (Loshchilov and Hutter,
            2019, arXiv:1711.05101).
        decays_all: biases, and scale and shift of norms, decay too; never what a weight source
            says no decay is for.
        smoothing: of ``rmsprop``'s squared gradients.
        eps: of ``adam`` and ``adamw``.
    """

    kind: Literal["sgd", "rmsprop", "adam", "adamw"] = "sgd"
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 0.0
    decays_all: bool = True
    smoothing: float = 0.9
    eps: float = 1e-8

    def build(self, net: Supernet, lr: float) -> torch.optim.Optimizer:
        """The optimiser of all parameters of *net*; those without a gradient stay as they are."""
        groups = [
            {"params": parameters, "weight_decay": decay}
            for parameters, decay in self._groups(net)
            if parameters
        ]
        if self.kind == "rmsprop":
            return torch.optim.RMSprop(
                groups, lr, alpha=self.smoothing, momentum=self.momentum, foreach=True
            )
        if self.kind in ("adam", "adamw"):
            made = torch.optim.Adam if self.kind == "adam" else torch.optim.AdamW
            return made(groups, lr, (self.momentum, 0.999), eps=self.eps, foreach=True)
        return torch.optim.SGD(
            groups, lr, momentum=self.momentum, nesterov=self.nesterov, foreach=True
        )

    def _groups(self, net: Supernet) -> list[tuple[list[nn.Parameter], float]]:
        sources = (module for module in net.modules() if isinstance(module, WeightSource))
        spared = {parameter for source in sources for parameter in source.undecayed()}
        weights: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for parameter in net.parameters():
            decays = (self.decays_all or parameter.ndim > 1) and parameter not in spared
            (weights if decays else others).append(parameter)
        return [(weights, self.weight_decay), (others, 0.0)]


@dataclass(frozen=True)
class Norms:
    """Norms of the gradient; None and empty where nobody asked.

    One of ``before`` and ``greatest`` is always there. It is finite as long as every entry is,
    unless entries are so large that their squares are not.

    Attributes:
        before: of all parameters together, before clipping.
        after: the same after clipping.
        greatest: size of the largest entry, before entries are cut off.
        by_parameter: norm before clipping of every parameter.
    """

    before: Tensor | None = None
    after: Tensor | None = None
    greatest: Tensor | None = None
    by_parameter: dict[nn.Parameter, Tensor] | None = None

    @property
    def witness(self) -> Tensor:
        """What is not finite where an entry is not."""
        found = self.before if self.greatest is None else self.greatest
        assert found is not None
        return found


@torch.no_grad()
def clipped(
    parameters: Iterable[nn.Parameter], clip: Clip | None, *, watches: bool = False
) -> Norms:
    """Limit the gradients as they stand.

    Args:
        parameters: whose; those without a gradient are passed over, but one has one.
        clip: the limit, or None.
        watches: also say the norm before of every parameter, and the norms of all together.
    """
    with_gradients = [p for p in parameters if p.grad is not None]
    gradients = [p.grad for p in with_gradients if p.grad is not None]
    if not clip or clip.kind == "norm" or watches:
        norms = torch._foreach_norm(gradients)
        before = torch.stack(norms).norm()
    by_parameter = dict(zip(with_gradients, norms, strict=True)) if watches else None
    if clip is None:
        return Norms(before, before, None, by_parameter)
    if clip.kind == "value":
        greatest = torch.stack(torch._foreach_max(torch._foreach_abs(gradients))).max()
        _cut(gradients, clip.limit)
        if not watches:
            return Norms(greatest=greatest)
        after = torch.stack(torch._foreach_norm(gradients)).norm()
        return Norms(before, after, greatest, by_parameter)
    factor = (clip.limit / (before + 1e-6)).clamp(max=1.0)  # as torch's clip_grad_norm_ has it
    torch._foreach_mul_(gradients, factor)
    return Norms(before, before * factor, None, by_parameter)


def _cut(gradients: list[Tensor], limit: float) -> None:
    torch._foreach_clamp_min_(gradients, -limit)
    torch._foreach_clamp_max_(gradients, limit)
