"""NAS-Bench-Macro: eight layers in a row, each one of three operations.

Su et al. (2021), arXiv:2103.11922. 6,561 networks, numbered in the order of their digits.
"""

from collections.abc import Mapping
from itertools import pairwise

from search.spaces import Arch, Decision, Drawing, Edge, Node, spaces
from search.spaces._choice_space import ChoiceSpace
from search.spaces._choices import require_equivalence
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
_FIRSTS = (0, *(sum(STAGES[: stage + 1]) for stage in range(len(STAGES))))


class NasBenchMacro(ChoiceSpace):
    """Eight layers in a row, each an identity or one of two inverted bottlenecks."""

    decisions = tuple(
        Decision(f"stage {stage} layer {layer}", OPERATIONS)
        for stage, num_layers in enumerate(STAGES, 1)
        for layer in range(1, num_layers + 1)
    )

    @property
    def equivalences(self) -> tuple[str, ...]:
        """Exact, then by the network that is left when identities do nothing.

        An identity does nothing unless it is the first layer of a stage, where it is a strided
        convolution; so it does not matter where in the rest of a stage it stands.
        """
        return EQUIVALENCES

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
