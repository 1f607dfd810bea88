"""NAS-Bench-201: cells of four nodes with one of five operations on each edge.

Dong and Yang (2020), arXiv:2001.00326. 15,625 cells, numbered as in the published tables.
"""

import random
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from itertools import product

import numpy as np

from search.spaces import Arch, Decision, Drawing, Edge, Node, spaces

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))  # in the order of an arch
EQUIVALENCES = ("exact", "skip_aware", "zero_aware")
LABELS = {
    "none": "none",
    "skip_connect": "skip",
    "nor_conv_1x1": "conv 1x1",
    "nor_conv_3x3": "conv 3x3",
    "avg_pool_3x3": "avg pool 3x3",
}

_NONE, _SKIP, _POOL = 0, 1, 4
_SHUFFLE_SEED = 88  # how the benchmark's authors ordered their list of cells
_NETWORK_FILE = "networks/_nasbench201.py"
_NODES = (
    Node("0", "input", "input"),
    Node("1", "1"),
    Node("2", "2"),
    Node("3", "output", "output"),
)


class NasBench201:
    """Cells of four nodes and six edges, each one of five operations (NAS-Bench-201)."""

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """One operation for each edge."""
        return tuple(Decision(f"{i}-{j}", OPERATIONS) for i, j in EDGES)

    @property
    def size(self) -> int:
        """Five operations on six edges: 15,625."""
        return int(len(OPERATIONS) ** len(EDGES))

    @property
    def equivalences(self) -> tuple[str, ...]:
        """Exact, then with skips contracted, then with dead edges cut too.

        The coarser two compare the benchmark's unique strings: expressions, written out as
        trees. Cells of one class compute the same expression, but one cell may run a
        convolution once where another runs two of the same form, each with its own weights.
        """
        return EQUIVALENCES

    def at(self, index: int) -> Arch:
        """The cell with this number in the published tables."""
        if not 0 <= index < self.size:
            raise ValueError(f"index {index} is outside 0 to {self.size - 1}")
        return _published_order()[index]

    def index(self, arch: Arch) -> int:
        """The number of *arch* in the published tables."""
        return _published_numbers()[arch]

    def sample(self, rng: np.random.Generator) -> Arch:
        """Draw one cell uniformly; every combination is valid."""
        return _published_order()[int(rng.integers(len(_published_order())))]

    def neighbours(self, arch: Arch) -> list[Arch]:
        """The 24 cells with another operation on one edge."""
        return [_edited(arch, number) for number in range(_NUM_EDITS)]

    def mutate(self, arch: Arch, rng: np.random.Generator) -> Arch:
        """Put another operation on one edge, both drawn uniformly."""
        return _edited(arch, int(rng.integers(_NUM_EDITS)))

    def crossover(self, first: Arch, second: Arch, rng: np.random.Generator) -> Arch:
        """Take each edge's operation from one of two parents."""
        picks = rng.integers(2, size=len(EDGES)).tolist()
        return tuple(b if pick else a for pick, a, b in zip(picks, first, second, strict=True))

    def invalid_reason(self, arch: Sequence[int]) -> str | None:
        """Why this is no cell; disconnected cells are valid."""
        if len(arch) != len(EDGES):
            return f"a cell has {len(EDGES)} edges, not {len(arch)}"
        for (i, j), choice in zip(EDGES, arch, strict=True):
            if isinstance(choice, bool) or not isinstance(choice, int | np.integer):
                return f"edge {i}-{j}: {choice!r} is not a whole number"
            if not 0 <= choice < len(OPERATIONS):
                return f"edge {i}-{j}: choice {choice} is outside 0 to {len(OPERATIONS) - 1}"
        return None

    def encode(self, arch: Arch) -> str:
        """The benchmark's text form, such as ``|none~0|+|skip_connect~0|none~1|+...``."""
        blocks = []
        for target in (1, 2, 3):
            terms = (f"{OPERATIONS[arch[k]]}~{i}" for k, (i, j) in enumerate(EDGES) if j == target)
            blocks.append("|" + "|".join(terms) + "|")
        return "+".join(blocks)

    def decode(self, text: str) -> Arch:
        """Read the benchmark's text form.

        Raises:
            ValueError: names the block and the operation that cannot be read.
        """
        blocks = text.strip().split("+")
        if len(blocks) != 3:
            raise ValueError(
                f"a cell has 3 blocks joined by '+', not {len(blocks)}: {text[:80]!r}"
            )
        return tuple(
            choice for number, block in enumerate(blocks, 1) for choice in _block(number, block)
        )

    def key(self, arch: Arch, equivalence: str = "exact") -> str:
        """The benchmark's unique string: the expression that node 3 computes."""
        _require_known(equivalence)
        return _expression(arch, equivalence)

    def canonical(self, arch: Arch, equivalence: str = "exact") -> Arch:
        """The first of the class in the order of choices, which has *none* where it can."""
        _require_known(equivalence)
        if equivalence == "exact":
            return arch
        return _canonical_members(equivalence)[_expression(arch, equivalence)]

    def drawing(self, arch: Arch) -> Drawing:
        """Four nodes, six edges; edges off every path from input to output are dead."""
        live = live_edges(arch)
        edges = tuple(
            Edge(str(i), str(j), LABELS[operation], operation, is_dead=(i, j) not in live)
            for (i, j), operation in zip(EDGES, _operations(arch), strict=True)
        )
        broken = "" if live else ", input and output not connected"
        return Drawing(_NODES, edges, caption=f"cell {self.index(arch)}{broken}")

    def edit(self, first: Arch, second: Arch) -> str:
        """Which edges change, from what to what."""
        changes = zip(EDGES, first, second, strict=True)
        return "; ".join(
            f"edge {i}-{j}: {LABELS[OPERATIONS[a]]} becomes {LABELS[OPERATIONS[b]]}"
            for (i, j), a, b in changes
            if a != b
        )

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
            params: parameters of the network builder, such as ``channels`` and ``cells``.
        """
        source = resources.files("search").joinpath("networks/_nasbench201.py").read_text("utf-8")
        operations = "".join(
            f'        "{name}",  # edge {i}-{j}\n'
            for (i, j), name in zip(EDGES, _operations(arch), strict=True)
        )
        settings = "".join(f"    {name}={value!r},\n" for name, value in sorted(params.items()))
        return (
            f"{source}\n\n# {self.encode(arch)}\n"
            f"net = Network(\n    operations=(\n{operations}    ),\n"
            f"    image_channels={shape[0]},\n    num_classes={num_classes},\n{settings})\n\n"
            'if __name__ == "__main__":\n'
            f"    logits_BK = net(torch.zeros(2, {shape[0]}, {shape[1]}, {shape[2]}))\n"
            "    print(tuple(logits_BK.shape), sum(p.numel() for p in net.parameters()))\n"
        )


nasbench201 = spaces.register(NasBench201())


def live_edges(arch: Arch) -> set[tuple[int, int]]:
    """Edges on some path from input to output that *none* does not interrupt."""
    return _edges_on_paths(arch, frozenset(range(len(OPERATIONS))) - {_NONE})


def is_connected(arch: Arch) -> bool:
    """Something flows from input to output; true for 15,284 cells."""
    return bool(live_edges(arch))


def has_path_without_convolution(arch: Arch) -> bool:
    """Skips and pools alone lead from input to output; true for 9,226 cells.

    Exactly there epsinas with a lower constant of 1e-7 is defined in float32.
    """
    return bool(_edges_on_paths(arch, frozenset((_SKIP, _POOL))))


def _edges_on_paths(arch: Arch, allowed: frozenset[int]) -> set[tuple[int, int]]:
    open_edges = [e for e, choice in zip(EDGES, arch, strict=True) if choice in allowed]
    reached, leading = {0}, {3}
    for i, j in sorted(open_edges, key=lambda edge: edge[1]):
        if i in reached:
            reached.add(j)
    for i, j in sorted(open_edges, key=lambda edge: -edge[0]):
        if j in leading:
            leading.add(i)
    return {(i, j) for i, j in open_edges if i in reached and j in leading}


def _operations(arch: Arch) -> list[str]:
    return [OPERATIONS[choice] for choice in arch]


_NUM_EDITS = len(EDGES) * (len(OPERATIONS) - 1)


def _edited(arch: Arch, number: int) -> Arch:
    edge, other = divmod(number, len(OPERATIONS) - 1)
    choice = other + (other >= arch[edge])
    return (*arch[:edge], choice, *arch[edge + 1 :])


def _block(number: int, text: str) -> list[int]:
    """Choices of the operations that enter node *number*, in the order of their sources."""
    if len(text) < 2 or text[0] != "|" or text[-1] != "|":
        raise ValueError(f"block {number} must begin and end with '|': {text[:80]!r}")
    terms = text[1:-1].split("|")
    if len(terms) != number:
        raise ValueError(
            f"block {number} holds {number} operation(s), not {len(terms)}: {text[:80]!r}"
        )
    return [_term(number, source, term) for source, term in enumerate(terms)]


def _term(number: int, source: int, text: str) -> int:
    where = f"block {number}, operation {source + 1}"
    operation, tilde, origin = text.partition("~")
    if not tilde:
        raise ValueError(f"{where}: {text!r} is not of the form operation~node")
    if operation not in OPERATIONS:
        raise ValueError(
            f"{where}: unknown operation {operation!r}; known: {', '.join(OPERATIONS)}"
        )
    if origin != str(source):
        raise ValueError(f"{where}: must come from node {source}, not {origin!r}")
    return OPERATIONS.index(operation)


def _require_known(equivalence: str) -> None:
    if equivalence not in EQUIVALENCES:
        known = ", ".join(EQUIVALENCES)
        raise ValueError(f"no equivalence {equivalence!r} in nasbench201; known: {known}")


@cache
def _expression(arch: Arch, equivalence: str) -> str:
    expressions = ["0", "", "", ""]
    for target in (1, 2, 3):
        terms = [
            _applied(OPERATIONS[arch[k]], expressions[i], equivalence)
            for k, (i, j) in enumerate(EDGES)
            if j == target
        ]
        expressions[target] = "+".join(sorted(terms))
    return expressions[3]


def _applied(operation: str, source: str, equivalence: str) -> str:
    if equivalence == "zero_aware" and (operation == "none" or source == "#"):
        return "#"
    if equivalence != "exact" and operation == "skip_connect":
        return source
    return f"({source})@{operation}"


@cache
def _published_order() -> tuple[Arch, ...]:
    archs = list(product(range(len(OPERATIONS)), repeat=len(EDGES)))
    random.Random(_SHUFFLE_SEED).shuffle(archs)
    return tuple(archs)


@cache
def _published_numbers() -> dict[Arch, int]:
    return {arch: number for number, arch in enumerate(_published_order())}


@cache
def _canonical_members(equivalence: str) -> dict[str, Arch]:
    members: dict[str, Arch] = {}
    for arch in product(range(len(OPERATIONS)), repeat=len(EDGES)):
        members.setdefault(_expression(arch, equivalence), arch)
    return members
