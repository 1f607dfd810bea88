"""Generated weights: a hypernetwork makes kernels from embeddings of layers and architectures.

Ha et al. (2017), arXiv:1609.09106, for the generator of kernels, code; that the architecture is
part of the embedding is in the spirit of SMASH (Brock et al., 2018, arXiv:1708.05344), whose own
generator is another: this one is ours.
Shapes: B blocks, D numbers of an embedding, O outputs, I inputs, F height and width of a kernel.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from search.spaces import Arch, Space
from search.supernets.mix import Mix, onehot
from search.supernets.slots import Slot
from search.supernets.sources import SourceMaker, Tensors, WeightSource
from search.supernets.sources.entangled import part_of

BLOCK = 16  # inputs and outputs of a block
STD = 0.01  # of first weights


class KernelGenerator(nn.Module):
    """Two linear layers that make the kernels of a block from its embedding.

    Every input channel has a first layer of its own; the second is common to all.

    Args:
        size: F.
        length: D.
        generator: draws first values.
        inputs: of a block.
        outputs: of a block.
    """

    def __init__(
        self,
        size: int,
        length: int,
        generator: torch.Generator,
        inputs: int = BLOCK,
        outputs: int = BLOCK,
    ) -> None:
        super().__init__()
        self.size, self.outputs = size, outputs
        self.first_weight = _normal((inputs, length, length), generator)
        self.first_bias = nn.Parameter(torch.zeros(inputs, length))
        self.second_weight = _normal((outputs * size * size, length), generator)
        self.second_bias = nn.Parameter(torch.zeros(outputs * size * size))

    def forward(self, z_BD: Tensor) -> Tensor:
        """Kernels, B x O x I x F x F."""
        a_BID = torch.einsum("ihd,bd->bih", self.first_weight, z_BD) + self.first_bias
        flat: Tensor = a_BID @ self.second_weight.T + self.second_bias
        size = self.size
        return flat.view(*flat.shape[:2], self.outputs, size, size).transpose(1, 2)


class Generated(WeightSource):
    """Convolutions' weights come from a hypernetwork that sees the architecture.

    Not in the registry: it needs the space. Layers that are not generated are the inner
    source's; so are biases.

    Args:
        slots: of the supernet.
        generator: draws first values.
        inner: the source of what is not generated.
        space: whose architectures are seen.
        length: numbers of a layer's embedding, and of an architecture's.
        generates: which layers; convolutions over all channels behind the stem when left out.
        sees_archs: whether the architecture is seen at all.
    """

    def __init__(  # noqa: PLR0913  # what a hypernetwork is
        self,
        slots: Sequence[Slot],
        generator: torch.Generator,
        /,
        *,
        inner: SourceMaker,
        space: Space,
        length: int = 8,
        generates: Callable[[Slot], bool] | None = None,
        sees_archs: bool = True,
    ) -> None:
        super().__init__()
        chosen = [slot for slot in slots if (generates or is_inner_convolution)(slot)]
        self._chosen = {slot.name: number for number, slot in enumerate(chosen)}
        self._slots = chosen
        self._counts = [len(decision.choices) for decision in space.decisions]
        self._sees_archs = sees_archs
        self.rest = inner([slot for slot in slots if slot.name not in self._chosen], generator)
        self.arch_weight = nn.Parameter(
            torch.randn(length, sum(self._counts), generator=generator)
            / math.sqrt(len(self._counts))
        )
        sizes = sorted({slot.full_shape[-1] for slot in chosen})
        self.kernels = nn.ModuleDict(
            {str(size): KernelGenerator(size, 2 * length, generator) for size in sizes}
        )
        self.embeddings = nn.ParameterList(
            nn.Parameter(torch.randn(_rows(slot), _columns(slot), length, generator=generator))
            for slot in chosen
        )
        scales = [self._he_scale(slot) for slot in chosen]
        self.register_buffer("scales", torch.tensor(scales))

    def tensors(self, slot: Slot, mix: Mix) -> Tensors:
        """What the hypernetwork makes for the mix, cut to its size."""
        if slot.name not in self._chosen:
            return self.rest.tensors(slot, mix)
        number = self._chosen[slot.name]
        scales = self.get_buffer("scales")
        return part_of(self._full(slot, mix) * scales[number], None, slot, mix)

    def seen(self, mix: Mix) -> Tensor:
        """An architecture's embedding: the weighted sum of its choices' columns."""
        if not self._sees_archs:
            return self.arch_weight.new_zeros(len(self.arch_weight))
        total, first = self.arch_weight.new_zeros(len(self.arch_weight)), 0
        for terms, count in zip(mix.terms, self._counts, strict=True):
            for choice, weight in terms:
                total = total + weight * self.arch_weight[:, first + choice]
            first += count
        return total

    def place(self, slot: Slot, mix: Mix) -> str:
        """As in the inner source."""
        return slot.name if slot.name in self._chosen else self.rest.place(slot, mix)

    def parameters_of(self, slot: Slot, mix: Mix | None = None) -> list[nn.Parameter]:
        """The layer's embeddings; the hypernetwork itself belongs to no layer alone."""
        if slot.name in self._chosen:
            return [self.embeddings[self._chosen[slot.name]]]
        return self.rest.parameters_of(slot, mix)

    def undecayed(self) -> list[nn.Parameter]:
        """The hypernetwork, as SMASH's code has it: embeddings, and what makes kernels of them."""
        return [self.arch_weight, *self.kernels.parameters(), *self.embeddings]

    @torch.no_grad()
    def norm(self, arch: Arch) -> float:
        """Of the weights that are generated for an architecture: the mean over layers."""
        mix = onehot(arch)
        norms = [
            self.tensors(slot, mix)[0].norm()
            for slot in self._slots
            if tuple(arch[place] for place in slot.decisions) in slot.shapes
        ]
        return float(torch.stack(norms).mean()) if norms else 0.0

    def _full(self, slot: Slot, mix: Mix | None) -> Tensor:
        """The largest weight of a layer: blocks side by side."""
        own_RCD = self.embeddings[self._chosen[slot.name]]
        rows, columns, length = own_RCD.shape
        seen_D = own_RCD.new_zeros(length) if mix is None else self.seen(mix)
        z_BD = torch.cat([own_RCD, seen_D.expand(rows, columns, -1)], 2).flatten(0, 1)
        kernels = self.kernels[str(slot.full_shape[-1])](z_BD).unflatten(0, (rows, columns))
        size = slot.full_shape[-1]
        whole = kernels.permute(0, 2, 1, 3, 4, 5).reshape(
            rows * BLOCK, columns * BLOCK, size, size
        )
        full: Tensor = whole[: slot.full_shape[0], : slot.full_shape[1]]
        return full

    @torch.no_grad()
    def _he_scale(self, slot: Slot) -> float:
        """Makes the first weights as large as He et al. (2015) have them."""
        deviation = float(self._full(slot, None).std())
        return math.sqrt(2 / math.prod(slot.full_shape[1:])) / deviation


def is_inner_convolution(slot: Slot) -> bool:
    """Over all channels, without a bias, behind the stem."""
    return (
        slot.kind == "conv"
        and not slot.is_depthwise
        and not slot.has_bias
        and not slot.name.startswith("stem")
    )


def _rows(slot: Slot) -> int:
    return -(-slot.full_shape[0] // BLOCK)


def _columns(slot: Slot) -> int:
    return -(-slot.full_shape[1] // BLOCK)


def _normal(shape: tuple[int, ...], generator: torch.Generator) -> nn.Parameter:
    """Normal, cut off at two deviations."""
    values = torch.empty(shape)
    nn.init.trunc_normal_(values, std=STD, a=-2 * STD, b=2 * STD, generator=generator)
    return nn.Parameter(values)
