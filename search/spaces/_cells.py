"""Spaces of small cells: an input and two nodes, one operation on each of three edges.

The cell of Zhang et al. (2020), arXiv:2001.01431: every cell of the space can be trained alone.
"""

from collections.abc import Mapping, Sequence

from search.spaces import Arch, Decision, Drawing, Edge, Node
from search.spaces._choice_space import ChoiceSpace
from search.spaces._export import network_code

EDGES = ((0, 1), (0, 2), (1, 2))  # in the order of an arch

_NODES = (
    Node("0", "input", "input"),
    Node("1", "1"),
    Node("2", "2"),
    Node("out", "output", "output"),
)


class CellSpace(ChoiceSpace):
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
        self.decisions = tuple(Decision(f"{i}-{j}", self.operations) for i, j in EDGES)

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

    def drawing(self, arch: Arch) -> Drawing:
        """An input, two nodes and the output, which is both nodes side by side."""
        chosen = [self.operations[choice] for choice in arch]
        edges = tuple(
            Edge(str(i), str(j), operation.replace("_", " "), operation)
            for (i, j), operation in zip(EDGES, chosen, strict=True)
        )
        joins = tuple(Edge(node, "out", "", "skip_connect") for node in ("1", "2"))
        return Drawing(_NODES, (*edges, *joins), caption=f"cell {self.index(arch)}")

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
