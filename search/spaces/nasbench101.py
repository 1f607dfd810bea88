"""NAS-Bench-101: cells of up to seven vertices and nine edges, one of three operations each.

Ying et al. (2019), arXiv:1902.09635. Of all encodings about one in three is a cell; the valid
ones make 423,624 cells that differ by more than the names of their vertices.
"""

import ast
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, permutations

import numpy as np

from search.spaces import Arch, Decision, Drawing, Edge, Node, spaces
from search.spaces._choice_space import ChoiceSpace
from search.spaces._choices import (
    arch_at,
    drawn,
    index_of,
    mixed,
    one_apart,
    require_equivalence,
    wrong_choice,
)
from search.spaces._export import network_code

OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")  # labels 0, 1 and 2 of the hash
LABELS = ("conv 3x3", "conv 1x1", "max pool 3x3")
NUM_VERTICES = 7  # the first is the input, the last the output
MAX_EDGES = 9
EDGES = tuple(combinations(range(NUM_VERTICES), 2))  # row by row, in the order of an arch
EQUIVALENCES = ("exact", "isomorphic")

_OUTPUT = NUM_VERTICES - 1
# Numbers of the published tuples: 0 input, 1 output, 2 max pool, 3 conv 1x1, 4 conv 3x3.
_NUMBER_OF_CHOICE = (4, 3, 2)
_CHOICE_OF_NUMBER = {number: choice for choice, number in enumerate(_NUMBER_OF_CHOICE)}
_CROSSOVER_DRAWS = 100


@dataclass(frozen=True)
class Cell:
    """What is left of a cell without the vertices that lie on no path, in the order it had.

    Attributes:
        vertices: places in the arch, input and output included.
        edges: pairs of places within ``vertices``.
        operations: choices of the vertices between input and output.
    """

    vertices: tuple[int, ...]
    edges: tuple[tuple[int, int], ...]
    operations: tuple[int, ...]


class NasBench101(ChoiceSpace):
    """Cells of up to seven vertices and nine edges with an operation on each vertex.

    Whether each edge is there, then one operation for each vertex between the ends; encodings
    that are no cell are numbered too: 2 to the 21 times 3 to the 5.
    """

    decisions = (
        *(Decision(f"edge {i}-{j}", ("absent", "present"), "edge") for i, j in EDGES),
        *(Decision(f"vertex {v}", OPERATIONS) for v in range(1, NUM_VERTICES - 1)),
    )

    @property
    def equivalences(self) -> tuple[str, ...]:
        """Exact, then equal up to pruning and the names of the vertices.

        The benchmark counts isomorphic cells as one. Their networks can differ a little: where
        channels do not divide evenly, the earlier vertices get one more.
        """
        return EQUIVALENCES

    def at(self, index: int) -> Arch:
        """The encoding with this number; it may be invalid.

        Edges from the input turn fastest, so that valid cells are never far apart.
        """
        return arch_at(self.counts[::-1], index)[::-1]

    def index(self, arch: Arch) -> int:
        """The number of *arch*."""
        return index_of(self.counts[::-1], arch[::-1])

    def sample(self, rng: np.random.Generator) -> Arch:
        """Draw encodings until one is valid, so uniformly over the valid ones."""
        arch = drawn(self.counts, rng)
        while _flaw(arch):
            arch = drawn(self.counts, rng)
        return arch

    def neighbours(self, arch: Arch) -> list[Arch]:
        """Every valid cell with one edge more or less, or another operation on one vertex."""
        return [other for other in one_apart(self.counts, arch) if not _flaw(other)]

    def crossover(self, first: Arch, second: Arch, rng: np.random.Generator) -> Arch:
        """Take each decision from one of two parents; the first parent if no draw is valid."""
        for _ in range(_CROSSOVER_DRAWS):
            child = mixed(first, second, rng)
            if not _flaw(child):
                return child
        return first

    def invalid_reason(self, arch: Sequence[int]) -> str | None:
        """Why this is no cell: input and output must be connected by at most nine edges."""
        return wrong_choice(self.decisions, arch) or _flaw(tuple(arch))

    def encode(self, arch: Arch) -> str:
        """The 56 numbers of NAS-Bench-Suite-Zero: a 7 x 7 matrix row by row, then operations."""
        present = {edge for edge, choice in zip(EDGES, arch, strict=False) if choice}
        cells = range(NUM_VERTICES)
        matrix = [int((i, j) in present) for i in cells for j in cells]
        inner = [_NUMBER_OF_CHOICE[choice] for choice in arch[len(EDGES) :]]
        return str((*matrix, 0, *inner, 1))

    def decode(self, text: str) -> Arch:
        """Read the 56 numbers.

        Raises:
            ValueError: names the number that is wrong, by row and column.
        """
        numbers = _numbers(text)
        matrix, operations = numbers[: NUM_VERTICES**2], numbers[NUM_VERTICES**2 :]
        _require_upper_triangle(matrix)
        edges = (matrix[NUM_VERTICES * i + j] for i, j in EDGES)
        return (*edges, *_inner_operations(operations))

    def key(self, arch: Arch, equivalence: str = "exact") -> str:
        """The 56 numbers, or the benchmark's fingerprint for ``isomorphic``."""
        require_equivalence("nasbench101", EQUIVALENCES, equivalence)
        if equivalence == "exact" or _flaw(arch):
            return self.encode(arch)
        return fingerprint(pruned(arch))

    def canonical(self, arch: Arch, equivalence: str = "exact") -> Arch:
        """The first of the pruned cells that differ by the names of their vertices.

        Unused vertices come last, before the output, as convolutions 3x3 without edges. What is
        no cell is its own.
        """
        require_equivalence("nasbench101", EQUIVALENCES, equivalence)
        if equivalence == "exact" or _flaw(arch):
            return arch
        return min(_renamed(pruned(arch)))

    def drawing(self, arch: Arch) -> Drawing:
        """Operations are boxes; what lies on no path from input to output is dead."""
        cell = pruned(arch)
        live = {(cell.vertices[i], cell.vertices[j]) for i, j in cell.edges}
        present = [edge for edge, choice in zip(EDGES, arch, strict=False) if choice]
        edges = tuple(Edge(str(i), str(j), "", "", (i, j) not in live) for i, j in present)
        touched = {0, _OUTPUT}.union(*present)
        nodes = tuple(_node(arch, vertex) for vertex in sorted(touched))
        caption = _flaw(arch) or f"{len(cell.vertices)} vertices, {len(cell.edges)} edges"
        return Drawing(nodes, edges, caption)

    def edit(self, first: Arch, second: Arch) -> str:
        """Which edges come and go, and which operations change."""
        return "; ".join(
            _change(place, a, b)
            for place, (a, b) in enumerate(zip(first, second, strict=True))
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
            params: parameters of the network builder, such as ``channels``.
        """
        cell = valid_cell(arch)
        arguments = {
            "operations": [OPERATIONS[choice] for choice in cell.operations],
            "edges": list(cell.edges),
            "image_channels": shape[0],
            "num_classes": num_classes,
            **params,
        }
        comment = f"fingerprint {fingerprint(cell)}"
        return network_code("_nasbench101", comment, arguments, shape=shape)


nasbench101 = spaces.register(NasBench101())


def valid_cell(arch: Arch) -> Cell:
    """The pruned cell of *arch*.

    Raises:
        ValueError: the arch is no cell; says why.
    """
    reason = nasbench101.invalid_reason(arch)
    if reason:
        raise ValueError(f"not a cell of nasbench101: {reason}")
    return pruned(arch)


@lru_cache(maxsize=8_192)
def pruned(arch: Arch) -> Cell:
    """The cell without vertices that lie on no path; input and output stay in any case."""
    present = [edge for edge, choice in zip(EDGES, arch, strict=False) if choice]
    reached, leading = {0}, {_OUTPUT}
    for i, j in present:  # by source, so that all ways to i are known
        if i in reached:
            reached.add(j)
    for i, j in reversed(present):
        if j in leading:
            leading.add(i)
    vertices = tuple(sorted((reached & leading) | {0, _OUTPUT}))
    place = {vertex: number for number, vertex in enumerate(vertices)}
    edges = tuple((place[i], place[j]) for i, j in present if i in place and j in place)
    operations = tuple(arch[len(EDGES) + vertex - 1] for vertex in vertices[1:-1])
    return Cell(vertices, edges, operations)


def fingerprint(cell: Cell) -> str:
    """The benchmark's own hash: equal for isomorphic cells, different for all others.

    Ying et al. (2019) iterate a hash over neighbours as often as there are vertices.
    """
    size = len(cell.vertices)
    sources: list[list[int]] = [[] for _ in range(size)]
    targets: list[list[int]] = [[] for _ in range(size)]
    for i, j in cell.edges:
        sources[j].append(i)
        targets[i].append(j)
    labels = (-1, *cell.operations, -2)
    hashes = [_md5(str((len(targets[v]), len(sources[v]), labels[v]))) for v in range(size)]
    for _ in range(size):
        hashes = [
            _md5(f"{_joined(hashes, sources[v])}|{_joined(hashes, targets[v])}|{hashes[v]}")
            for v in range(size)
        ]
    return _md5(str(sorted(hashes)))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _joined(hashes: list[str], vertices: list[int]) -> str:
    return "".join(sorted(hashes[v] for v in vertices))


def _flaw(arch: Arch) -> str | None:
    """Why well-formed choices are no cell."""
    cell = pruned(arch)
    if not cell.edges:
        return "input and output are not connected"
    if len(cell.edges) > MAX_EDGES:
        return f"{len(cell.edges)} edges on paths from input to output; at most {MAX_EDGES}"
    return None


def _renamed(cell: Cell) -> Iterator[Arch]:
    """The cell under every order of its inner vertices in which edges lead forwards."""
    last = len(cell.vertices) - 1
    for order in permutations(range(1, last)):
        place = {0: 0, last: _OUTPUT} | {vertex: new for new, vertex in enumerate(order, 1)}
        edges = {(place[i], place[j]) for i, j in cell.edges}
        if all(i < j for i, j in edges):
            operations = [cell.operations[vertex - 1] for vertex in order]
            unused = [0] * (NUM_VERTICES - 1 - last)
            yield (*(int(edge in edges) for edge in EDGES), *operations, *unused)


def _node(arch: Arch, vertex: int) -> Node:
    if vertex in (0, _OUTPUT):
        name = "output" if vertex else "input"
        return Node(str(vertex), name, name)
    return Node(str(vertex), LABELS[arch[len(EDGES) + vertex - 1]], "operation")


def _change(place: int, before: int, after: int) -> str:
    if place < len(EDGES):
        i, j = EDGES[place]
        return f"edge {i}-{j} {'added' if after else 'removed'}"
    vertex = place - len(EDGES) + 1
    return f"vertex {vertex}: {LABELS[before]} becomes {LABELS[after]}"


def _numbers(text: str) -> tuple[int, ...]:
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise ValueError(f"not a list of numbers: {text[:80]!r}") from None
    length = NUM_VERTICES**2 + NUM_VERTICES
    if not isinstance(value, tuple | list) or len(value) != length:
        raise ValueError(f"a cell is {length} numbers in brackets, not {text[:80]!r}")
    wrong = next((number for number in value if type(number) is not int), None)
    if wrong is not None:
        raise ValueError(f"{wrong!r} is not a whole number")
    return tuple(value)


def _require_upper_triangle(matrix: Sequence[int]) -> None:
    for place, number in enumerate(matrix):
        row, column = divmod(place, NUM_VERTICES)
        if number not in (0, 1):
            raise ValueError(f"row {row}, column {column}: {number} is neither 0 nor 1")
        if number and row >= column:
            raise ValueError(f"row {row}, column {column}: an edge must lead to a later vertex")


def _inner_operations(operations: Sequence[int]) -> Iterator[int]:
    if operations[0] != 0 or operations[-1] != 1:
        raise ValueError("the operations must begin with 0 (input) and end with 1 (output)")
    for vertex, number in enumerate(operations[1:-1], 1):
        if number not in _CHOICE_OF_NUMBER:
            raise ValueError(
                f"vertex {vertex}: operation {number} is unknown; 2 is max pool 3x3, 3 conv 1x1, "
                "4 conv 3x3"
            )
        yield _CHOICE_OF_NUMBER[number]
