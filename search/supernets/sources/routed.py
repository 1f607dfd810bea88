"""Routed experts: several sets of weights, mixed by a router that sees the architecture.

Mixture-of-Supernets (Jawahar et al., 2024, arXiv:2306.04845), code; that kernels of convolutions
are routed like their matrices, and what the router sees of an architecture, is ours.
Shapes: E experts, O outputs, D decisions.
"""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from search.spaces import Arch, Space
from search.supernets.mix import Mix, onehot
from search.supernets.slots import Slot
from search.supernets.sources import SourceMaker, Tensors, WeightSource

Level = Literal["layer", "neuron"]
HIDDEN = 128


class Router(nn.Module):
    """Two linear layers with a ReLU between, and shares of the experts.

    Args:
        num_inputs: length of an architecture's vector.
        num_rows: vectors of shares: 1, or one for each output.
        num_experts: E.
        generator: draws first values.
        hidden: width between.
    """

    def __init__(
        self,
        num_inputs: int,
        num_rows: int,
        num_experts: int,
        generator: torch.Generator,
        hidden: int = HIDDEN,
    ) -> None:
        super().__init__()
        self.num_experts = num_experts
        self.inner = _linear(num_inputs, hidden, generator)
        self.outer = _linear(hidden, num_rows * num_experts, generator)

    def forward(self, arch_D: Tensor) -> Tensor:
        """Shares, rows x E; those of the first rows do not depend on how many rows there are."""
        logits = self.outer(torch.relu(self.inner(arch_D)))
        shares: Tensor = logits.view(-1, self.num_experts).softmax(1)
        return shares


class Routed(WeightSource):
    """Layers whose weights are a mixture of experts; the mixture depends on the architecture.

    Not in the registry: it needs the space.

    Args:
        slots: of the supernet.
        generator: draws first values: the experts one after the other, then the routers.
        inner: the source of each expert.
        space: whose architectures the routers see.
        num_experts: E; with one, this is the inner source.
        level: one mixture for a layer, which both layers of an MLP have in common, or one for
            each of its outputs.
        routes: which layers have experts; the others are shared. When left out, the layers of
            MLPs where there are any, as the authors have it; else all but norms.
    """

    def __init__(  # noqa: PLR0913  # what a routing is
        self,
        slots: Sequence[Slot],
        generator: torch.Generator,
        /,
        *,
        inner: SourceMaker,
        space: Space,
        num_experts: int = 2,
        level: Level = "neuron",
        routes: Callable[[Slot], bool] | None = None,
    ) -> None:
        super().__init__()
        chosen = list(filter(routes, slots)) if routes else _routed_by_default(slots)
        routed = chosen if num_experts > 1 else []
        self._level = level
        self._counts = [len(decision.choices) for decision in space.decisions]
        self.base = inner(slots, generator)
        self.experts = nn.ModuleList(inner(routed, generator) for _ in range(num_experts - 1))
        self._routers: dict[str, Router] = {}
        made: dict[str | int | None, Router] = {}
        for slot in routed:
            of_block = level == "layer" and slot.is_feed_forward
            owner = slot.part if of_block else slot.name
            if owner not in made:
                rows = slot.full_shape[0] if level == "neuron" else 1
                made[owner] = Router(len(self._counts), rows, num_experts, generator)
                self.add_module(f"router{len(made) - 1}", made[owner])
            self._routers[slot.name] = made[owner]

    def tensors(self, slot: Slot, mix: Mix) -> Tensors:
        """The experts' tensors for the mix, each with its share."""
        router = self._routers.get(slot.name)
        base = self.base.tensors(slot, mix)
        if router is None:
            return base
        found = [base, *(_source(expert).tensors(slot, mix) for expert in self.experts)]
        shares = self.shares(slot, mix)[: found[0][0].shape[0]]
        weight = _mixed([weight for weight, _ in found], shares)
        biases = [bias for _, bias in found if bias is not None]
        return weight, _mixed(biases, shares) if biases else None

    def shares(self, slot: Slot, mix: Mix) -> Tensor:
        """Of every expert, for the layer or for each of its outputs."""
        router = self._routers[slot.name]
        shares: Tensor = router(self._input(router, mix))
        return shares

    def _input(self, router: Router, mix: Mix) -> Tensor:
        weight = router.inner.weight
        return self.seen(mix, weight.device).to(weight.dtype)

    def seen(self, mix: Mix, device: torch.device) -> Tensor:
        """What the routers see: for every decision the mean choice, from 0 to 1."""
        values = [
            sum(choice * weight for choice, weight in terms) / max(count - 1, 1)
            for terms, count in zip(mix.terms, self._counts, strict=True)
        ]
        return torch.stack(
            [torch.as_tensor(v, dtype=torch.float32, device=device) for v in values]
        )

    def place(self, slot: Slot, mix: Mix) -> str:
        """As within one expert."""
        return self.base.place(slot, mix)

    def parameters_of(self, slot: Slot, mix: Mix | None = None) -> list[nn.Parameter]:
        """Those of all experts; routers belong to no layer alone."""
        experts = list(self.experts) if slot.name in self._routers else []
        more = (p for e in experts for p in _source(e).parameters_of(slot, mix))
        return [*self.base.parameters_of(slot, mix), *more]

    @torch.no_grad()
    def entropy(self, arch: Arch) -> dict[str, float]:
        """How evenly experts are used, layer by layer: 0 for one alone, 1 for all alike."""
        found = {}
        for name, shares in self._routing(arch).items():
            nats = -(shares * shares.clamp_min(1e-12).log()).sum(1).mean()
            found[name] = float(nats / torch.tensor(float(shares.shape[1])).log())
        return found

    @torch.no_grad()
    def distances(self, archs: Sequence[Arch]) -> dict[str, float]:
        """How differently architectures are routed, layer by layer: the mean over all pairs.

        Of two it is half the sum of the differences of their shares, averaged over outputs: 0
        where experts are mixed alike, 1 where they have none in common.

        Args:
            archs: two at least; of fewer there is no pair, and nothing is said.
        """
        every = [self._routing(arch) for arch in archs]
        found = {}
        for name in self._routers if len(every) > 1 else ():
            shares_A = torch.stack([routing[name].flatten() for routing in every])
            rows = len(every[0][name])
            found[name] = float(torch.pdist(shares_A, p=1).mean()) / (2 * rows)
        return found

    def _routing(self, arch: Arch) -> dict[str, Tensor]:
        """The shares of every layer."""
        mix = onehot(arch)
        return {name: router(self._input(router, mix)) for name, router in self._routers.items()}


def _routed_by_default(slots: Sequence[Slot]) -> list[Slot]:
    feed_forward = [slot for slot in slots if slot.is_feed_forward]
    return feed_forward or [slot for slot in slots if slot.kind != "norm"]


def _mixed(tensors: Sequence[Tensor], shares: Tensor) -> Tensor:
    """Every output with its own shares, or all with one."""
    total: Tensor | None = None
    for expert, tensor in enumerate(tensors):
        share = shares[:, expert].view(-1, *[1] * (tensor.ndim - 1))
        total = tensor * share if total is None else total + tensor * share
    assert total is not None
    return total


def _linear(num_inputs: int, num_outputs: int, generator: torch.Generator) -> nn.Linear:
    with torch.device("meta"):
        layer = nn.Linear(num_inputs, num_outputs)
    bound = num_inputs**-0.5
    for name in ("weight", "bias"):
        values = torch.empty(getattr(layer, name).shape).uniform_(
            -bound, bound, generator=generator
        )
        layer.register_parameter(name, nn.Parameter(values))
    return layer


def _source(module: nn.Module) -> WeightSource:
    assert isinstance(module, WeightSource)
    return module
