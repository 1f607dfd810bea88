"""NAS-Bench-Macro: eight layers in a row, each one of three operations.

Su et al. (2021), arXiv:2103.11922. 6,561 networks, numbered in the order of their digits.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from search.spaces import Arch, Decision, Drawing, Edge, Node, spaces
from search.spaces._choices import (
    arch_at,
    changes,
    drawn,
    index_of,
    mixed,
    one_apart,
    require_equivalence,
    with_choice,
    wrong_choice,
)
from search.spaces._export import network_code

OPERATIONS = ("identity", "mb3_k3", "mb6_k5")  # the benchmark's digits 0, 1 and 2
STAGES = (2, 3, 3)  # layers; the first of each halves the size and doubles the channels
EQUIVALENCES = ("exact", "skip_aware")
LABELS = {
    "identity": "identity",
    "mb3_k3": "MBConv 3x3, expansion 3",
    "mb6_k5": "MBConv 5x5, expansion 6",
}
STRIDED_IDENTITY = "conv 1x1"

_NUM_LAYERS = sum(STAGES)
_COUNTS = (len(OPERATIONS),) * _NUM_LAYERS
_FIRSTS = (0, *(sum(STAGES[: stage + 1]) for stage in range(len(STAGES))))


class NasBenchMacro:
    """Eight layers in a row, each an identity or one of two inverted bottlenecks."""

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """One operation for each layer, named after its stage and place."""
        return tuple(
            Decision(f"stage {stage} layer {layer}", OPERATIONS)
            for stage, num_layers in enumerate(STAGES, 1)
            for layer in range(1, num_layers + 1)
        )

    @property
    def size(self) -> int:
        """Three operations in eight layers: 6,561."""
        return int(len(OPERATIONS) ** _NUM_LAYERS)

    @property
    def equivalences(self) -> tuple[str, ...]:
        """Exact, then by the network that is left when identities do nothing.

        An identity does nothing unless it is the first layer of a stage, where it is a strided
        convolution; so it does not matter where in the rest of a stage it stands.
        """
        return EQUIVALENCES

    def at(self, index: int) -> Arch:
        """The network with this number, its digits read in base three."""
        return arch_at(_COUNTS, index)

    def index(self, arch: Arch) -> int:
        """The number of *arch*."""
        return index_of(_COUNTS, arch)

    def sample(self, rng: np.random.Generator) -> Arch:
        """Draw one network uniformly; every combination is valid."""
        return drawn(_COUNTS, rng)

    def neighbours(self, arch: Arch) -> list[Arch]:
        """The 16 networks with another operation in one layer."""
        return list(one_apart(_COUNTS, arch))

    def mutate(self, arch: Arch, rng: np.random.Generator) -> Arch:
        """Put another operation into one layer, both drawn uniformly."""
        layer, step = int(rng.integers(_NUM_LAYERS)), int(rng.integers(1, len(OPERATIONS)))
        return with_choice(arch, layer, (arch[layer] + step) % len(OPERATIONS))

    def crossover(self, first: Arch, second: Arch, rng: np.random.Generator) -> Arch:
        """Take each layer's operation from one of two parents."""
        return mixed(first, second, rng)

    def invalid_reason(self, arch: Sequence[int]) -> str | None:
        """Why this is no network."""
        return wrong_choice(self.decisions, arch)

    def encode(self, arch: Arch) -> str:
        """The benchmark's eight digits, such as ``22212220``."""
        return "".join(map(str, arch))

    def decode(self, text: str) -> Arch:
        """Read the benchmark's eight digits.

        Raises:
            ValueError: names the digit that cannot be read.
        """
        digits = text.strip()
        if len(digits) != _NUM_LAYERS:
            hint = "; zeros at the front count" if len(digits) < _NUM_LAYERS else ""
            raise ValueError(
                f"a network has {_NUM_LAYERS} digits, not {len(digits)}{hint}: {text[:80]!r}"
            )
        for place, digit in enumerate(digits, 1):
            if digit not in "012":
                raise ValueError(f"digit {place}: {digit!r} is not 0, 1 or 2 in {text!r}")
        return tuple(map(int, digits))

    def key(self, arch: Arch, equivalence: str = "exact") -> str:
        """The digits of the canonical member."""
        return self.encode(self.canonical(arch, equivalence))

    def canonical(self, arch: Arch, equivalence: str = "exact") -> Arch:
        """The first of the class: identities come first in what follows a stage's first layer."""
        require_equivalence("nasbench_macro", EQUIVALENCES, equivalence)
        if equivalence == "exact":
            return arch
        ordered: list[int] = []
        for begin, end in pairwise(_FIRSTS):
            ordered += [arch[begin], *sorted(arch[begin + 1 : end], key=bool)]
        return tuple(ordered)

    def drawing(self, arch: Arch) -> Drawing:
        """A chain of feature maps; the arrows are the layers."""
        inner = [Node(str(place), str(place)) for place in range(1, _NUM_LAYERS)]
        nodes = (Node("0", "input", "input"), *inner, Node(str(_NUM_LAYERS), "output", "output"))
        edges = tuple(
            Edge(str(place), str(place + 1), _label(place, choice), OPERATIONS[choice])
            for place, choice in enumerate(arch)
        )
        return Drawing(nodes, edges, caption=f"network {self.encode(arch)}")

    def edit(self, first: Arch, second: Arch) -> str:
        """Which layers change, from what to what."""
        return changes(self.decisions, first, second)

    def python_source(
        self,
        arch: Arch,
        *,
        shape: tuple[int, int, int],
        num_classes: int,
        params: Mapping[str, object],
    ) -> str:
        """PyTorch code of the network; needs torch and nothing else.

        Args:
            arch: the network.
            shape: channels, height and width of one image.
            num_classes: how many outputs.
            params: parameters of the network builder, such as ``channels``.
        """
        arguments = {
            "operations": [OPERATIONS[choice] for choice in arch],
            "image_channels": shape[0],
            "num_classes": num_classes,
            **params,
        }
        return network_code("_nasbench_macro", self.encode(arch), arguments, shape=shape)


nasbench_macro = spaces.register(NasBenchMacro())


def _label(place: int, choice: int) -> str:
    is_first = place in _FIRSTS
    label = STRIDED_IDENTITY if is_first and choice == 0 else LABELS[OPERATIONS[choice]]
    return f"{label}, stride 2" if is_first else label
