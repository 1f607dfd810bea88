"""K-81: two convolutions, each of three widths and three kernels; 81 networks.

Only for effects: the space is in no registry. Shapes: B images, C channels, H height, W width,
K classes.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from search.spaces import Decision
from search.spaces._choice_space import ChoiceSpace
from search.supernets.mix import Mix
from search.supernets.mixtures._layers import elastic_conv_norm, shapes_of
from search.supernets.noise import Noise
from search.supernets.norms import Norms
from search.supernets.slots import Slot
from search.supernets.sources import SourceMaker
from search.supernets.supernet import BATCH_NORMS, Supernet

WIDTHS, KERNELS = (8, 16, 32), (1, 3, 5)
WIDTH_1, KERNEL_1, WIDTH_2, KERNEL_2 = range(4)


class Conv81(ChoiceSpace):
    """Widths and kernels of two layers."""

    name = "conv_81"
    decisions = tuple(
        Decision(f"layer {layer} {kind}", tuple(map(str, choices)), kind)
        for layer in (1, 2)
        for kind, choices in (("width", WIDTHS), ("kernel", KERNELS))
    )

    def python_source(self, *_: object, **__: object) -> str:
        """Nobody asks for it."""
        raise NotImplementedError


class Conv81Supernet(Supernet):
    """Two layers, of which the second has a stride of 2."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        num_classes: int,
        source: SourceMaker,
        generator: torch.Generator,
    ) -> None:
        first = elastic_conv_norm(
            "first", (WIDTH_1, KERNEL_1), (WIDTHS, KERNELS), lambda w, k: (w, shape[0], k, k)
        )
        second = elastic_conv_norm(
            "second",
            (WIDTH_2, KERNEL_2, WIDTH_1),
            (WIDTHS, KERNELS, WIDTHS),
            lambda w, k, i: (w, i, k, k),
            stride=2,
            strides=(2,),
        )
        classifier = Slot(
            "classifier",
            "linear",
            shapes_of([WIDTHS], lambda w: (num_classes, w)),
            (WIDTH_2,),
            has_bias=True,
        )
        slots = [*first, *second, classifier]
        super().__init__("conv_81", Conv81(), slots, source(slots, generator), shape, num_classes)
        self._first, self._second, self._classifier = first, second, classifier

    def forward(
        self, x_BCHW: Tensor, mix: Mix, norms: Norms = BATCH_NORMS, noise: Noise | None = None
    ) -> Tensor:
        """Logits, B x K."""
        x_BCHW = F.relu(self.conv_norm(x_BCHW, self._first, mix, norms))
        x_BCHW = F.relu(self.conv_norm(x_BCHW, self._second, mix, norms))
        return self.linear(x_BCHW.mean(dim=(2, 3)), self._classifier, mix)
