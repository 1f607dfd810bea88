"""Spaces of small cells: an input and two nodes, one operation on each of three edges.

The cell of Zhang et al. (2020), arXiv:2001.01431: every cell of the space can be trained alone.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from search.spaces import Arch, Decision, Drawing, Edge, Node
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

EDGES = ((0, 1), (0, 2), (1, 2))  # in the order of an arch
EQUIVALENCES = ("exact",)

_NODES = (
    Node("0", "input", "input"),
    Node("1", "1"),
    Node("2", "2"),
    Node("out", "output", "output"),
)


class CellSpace:
    """Cells of three edges; the output of a cell is both nodes side by side.

    Args:
        name: of the space.
        operations: what an edge can be.
        defaults: parameters of the network builder that the exported code is to have when
            nothing else is asked for.
    """

    def __init__(
        self, name: str, operations: Sequence[str], defaults: Mapping[str, object]
    ) -> None:
        self.name = name
        self.operations = tuple(operations)
        self._defaults = dict(defaults)
        self._counts = (len(self.operations),) * len(EDGES)

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """One operation for each edge."""
        return tuple(Decision(f"{i}-{j}", self.operations) for i, j in EDGES)

    @property
    def size(self) -> int:
        """The number of operations to the power of three."""
        return int(len(self.operations) ** len(EDGES))

    @property
    def equivalences(self) -> tuple[str, ...]:
        """Exact alone: no two cells compute the same."""
        return EQUIVALENCES

    def at(self, index: int) -> Arch:
        """The cell with this number; the last edge turns fastest."""
        return arch_at(self._counts, index)

    def index(self, arch: Arch) -> int:
        """The number of *arch*."""
        return index_of(self._counts, arch)

    def sample(self, rng: np.random.Generator) -> Arch:
        """Draw one cell uniformly; every combination is valid."""
        return drawn(self._counts, rng)

    def neighbours(self, arch: Arch) -> list[Arch]:
        """The cells with another operation on one edge."""
        return list(one_apart(self._counts, arch))

    def mutate(self, arch: Arch, rng: np.random.Generator) -> Arch:
        """Put another operation on one edge, both drawn uniformly."""
        edge = int(rng.integers(len(EDGES)))
        step = int(rng.integers(1, len(self.operations)))
        return with_choice(arch, edge, (arch[edge] + step) % len(self.operations))

    def crossover(self, first: Arch, second: Arch, rng: np.random.Generator) -> Arch:
        """Take each edge's operation from one of two parents."""
        return mixed(first, second, rng)

    def invalid_reason(self, arch: Sequence[int]) -> str | None:
        """Why this is no cell."""
        return wrong_choice(self.decisions, arch)

    def encode(self, arch: Arch) -> str:
        """Operations by target node, such as ``|conv_3x3~0|+|conv_3x3~0|max_pool_3x3~1|``."""
        first, second, third = (self.operations[choice] for choice in arch)
        return f"|{first}~0|+|{second}~0|{third}~1|"

    def decode(self, text: str) -> Arch:
        """Read the text form.

        Raises:
            ValueError: names the edge and the operation that cannot be read.
        """
        blocks = [block.strip("|").split("|") for block in text.strip().split("+")]
        if [len(block) for block in blocks] != [1, 2]:
            raise ValueError(
                f"a cell is |operation~0|+|operation~0|operation~1|, not {text[:80]!r}"
            )
        terms = [term for block in blocks for term in block]
        return tuple(self._choice(edge, term) for edge, term in zip(EDGES, terms, strict=True))

    def key(self, arch: Arch, equivalence: str = "exact") -> str:
        """The text form of the canonical member."""
        return self.encode(self.canonical(arch, equivalence))

    def canonical(self, arch: Arch, equivalence: str = "exact") -> Arch:
        """The cell itself."""
        require_equivalence(self.name, EQUIVALENCES, equivalence)
        return arch

    def drawing(self, arch: Arch) -> Drawing:
        """An input, two nodes and the output, which is both nodes side by side."""
        chosen = [self.operations[choice] for choice in arch]
        edges = tuple(
            Edge(str(i), str(j), operation.replace("_", " "), operation)
            for (i, j), operation in zip(EDGES, chosen, strict=True)
        )
        joins = tuple(Edge(node, "out", "", "skip_connect") for node in ("1", "2"))
        return Drawing(_NODES, (*edges, *joins), caption=f"cell {self.index(arch)}")

    def edit(self, first: Arch, second: Arch) -> str:
        """Which edges change, from what to what."""
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
            arch: the cell.
            shape: channels, height and width of one image.
            num_classes: how many outputs.
            params: parameters of the network builder, such as ``channels``.
        """
        arguments = {
            "operations": [self.operations[choice] for choice in arch],
            "image_channels": shape[0],
            "num_classes": num_classes,
            **self._defaults,
            **params,
        }
        return network_code("_cells", self.encode(arch), arguments, shape=shape)

    def _choice(self, edge: tuple[int, int], text: str) -> int:
        where = f"edge {edge[0]}-{edge[1]}"
        operation, tilde, origin = text.partition("~")
        if not tilde:
            raise ValueError(f"{where}: {text[:40]!r} is not of the form operation~node")
        if operation not in self.operations:
            known = ", ".join(self.operations)
            raise ValueError(f"{where}: unknown operation {operation[:40]!r}; known: {known}")
        if origin != str(edge[0]):
            raise ValueError(f"{where}: must come from node {edge[0]}, not {origin[:40]!r}")
        return self.operations.index(operation)
