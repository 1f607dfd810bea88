"""DARTS: a normal and a reduction cell of four nodes with two inputs each.

Liu et al. (2019), arXiv:1806.09055; genotypes as their code writes them.
"""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations

import numpy as np

from search.spaces import Arch, Decision, Drawing, Edge, Node, spaces
from search.spaces._choice_space import ChoiceSpace
from search.spaces._choices import require_equivalence
from search.spaces._export import network_code

OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
CELLS = ("normal", "reduce")
NODES = (2, 3, 4, 5)  # states 0 and 1 are the outputs of the last but one and of the last cell
EQUIVALENCES = ("exact", "isomorphic")

_CONCAT = list(NODES)
_PAIRS = {node: tuple(combinations(range(node), 2)) for node in NODES}
_STATES = ("c_{k-2}", "c_{k-1}")


@dataclass(frozen=True)
class Input:
    """One of the two edges into a node."""

    source: int
    operation: int  # choice


NodeInputs = tuple[Input, Input]  # by source
CellGraph = tuple[NodeInputs, ...]  # of nodes 2 to 5


def _cell_decisions(name: str) -> Iterator[Decision]:
    for node in NODES:
        pairs = tuple(f"{i} and {j}" for i, j in _PAIRS[node])
        if len(pairs) > 1:
            yield Decision(f"{name} node {node} inputs", pairs, "edge")
        yield Decision(f"{name} node {node} first operation", OPERATIONS)
        yield Decision(f"{name} node {node} second operation", OPERATIONS)


class Darts(ChoiceSpace):
    """A normal and a reduction cell of four nodes, each with two inputs of seven operations.

    A node decides which two states it reads, and what it makes of each: 1,037,664,180 cells,
    squared.
    """

    decisions = tuple(decision for name in CELLS for decision in _cell_decisions(name))

    @property
    def equivalences(self) -> tuple[str, ...]:
        """Exact, then equal up to the order of the nodes of a cell.

        Networks of isomorphic cells differ in the order of channels only.
        """
        return EQUIVALENCES

    def neighbours(self, arch: Arch) -> list[Arch]:
        """The 120 pairs of cells with one other operation, or one edge from another state."""
        graphs = cells(arch)
        return [
            _arch((*graphs[:place], graph, *graphs[place + 1 :]))
            for place in range(len(CELLS))
            for graph in _edited_cells(graphs[place])
        ]

    def crossover(self, first: Arch, second: Arch, rng: np.random.Generator) -> Arch:
        """Take each node, with its inputs and operations, from one of two parents."""
        picks = iter(rng.integers(2, size=len(CELLS) * len(NODES)).tolist())
        return _arch(
            tuple(b if next(picks) else a for a, b in zip(mine, yours, strict=True))
            for mine, yours in zip(cells(first), cells(second), strict=True)
        )

    def encode(self, arch: Arch) -> str:
        """The genotype as DARTS prints it: ``Genotype(normal=[('skip_connect', 0), ...``."""
        fields = (
            f"{name}={genotype(graph)}, {name}_concat={_CONCAT}"
            for name, graph in zip(CELLS, cells(arch), strict=True)
        )
        return f"Genotype({', '.join(fields)})"

    def decode(self, text: str) -> Arch:
        """Read a genotype; the two edges of a node may come in either order.

        Raises:
            ValueError: names the cell and the edge that cannot be read.
        """
        fields = _fields(text)
        return _arch(_read_cell(name, fields) for name in CELLS)

    def canonical(self, arch: Arch, equivalence: str = "exact") -> Arch:
        """The first among all orders of the nodes in which edges lead forwards."""
        require_equivalence("darts", EQUIVALENCES, equivalence)
        if equivalence == "exact":
            return arch
        return _arch(min(_reordered(graph), key=_cell_choices) for graph in cells(arch))

    def drawing(self, arch: Arch) -> Drawing:
        """Both cells beside each other; nodes sum up, the output joins them."""
        drawings = [
            _cell_drawing(name, graph) for name, graph in zip(CELLS, cells(arch), strict=True)
        ]
        return Drawing(
            nodes=tuple(node for drawing in drawings for node in drawing.nodes),
            edges=tuple(edge for drawing in drawings for edge in drawing.edges),
            caption="normal and reduction cell",
        )

    def edit(self, first: Arch, second: Arch) -> str:
        """Which inputs of which nodes change."""
        return "; ".join(
            f"{name} node {node}: {_words(a)} becomes {_words(b)}"
            for name, before, after in zip(CELLS, cells(first), cells(second), strict=True)
            for node, a, b in zip(NODES, before, after, strict=True)
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
            arch: both cells.
            shape: channels, height and width of one image.
            num_classes: how many outputs.
            params: parameters of the network builder, such as ``channels`` and ``cells``.
        """
        genotypes = {name: genotype(graph) for name, graph in zip(CELLS, cells(arch), strict=True)}
        arguments = {
            **genotypes,
            "image_channels": shape[0],
            "num_classes": num_classes,
            **params,
        }
        return network_code("_darts", "cells found by a search", arguments, shape=shape)


darts = spaces.register(Darts())


def cells(arch: Arch) -> tuple[CellGraph, CellGraph]:
    """The normal and the reduction cell."""
    half = len(arch) // 2
    return _graph(arch[:half]), _graph(arch[half:])


def genotype(graph: CellGraph) -> list[tuple[str, int]]:
    """A cell as DARTS writes it: operation and source of two edges for each node."""
    return [(OPERATIONS[edge.operation], edge.source) for inputs in graph for edge in inputs]


def _graph(choices: Sequence[int]) -> CellGraph:
    remaining = iter(choices)
    nodes = []
    for node in NODES:
        pair = _PAIRS[node][next(remaining) if len(_PAIRS[node]) > 1 else 0]
        first, second = (Input(source, next(remaining)) for source in pair)
        nodes.append((first, second))
    return tuple(nodes)


def _arch(graphs: Iterator[CellGraph] | Sequence[CellGraph]) -> Arch:
    return tuple(choice for graph in graphs for choice in _cell_choices(graph))


def _cell_choices(graph: CellGraph) -> Arch:
    choices: list[int] = []
    for node, (first, second) in zip(NODES, graph, strict=True):
        if len(_PAIRS[node]) > 1:
            choices.append(_PAIRS[node].index((first.source, second.source)))
        choices += [first.operation, second.operation]
    return tuple(choices)


def _sorted(first: Input, second: Input) -> NodeInputs:
    return (first, second) if first.source < second.source else (second, first)


def _edited_cells(graph: CellGraph) -> Iterator[CellGraph]:
    for place, inputs in enumerate(graph):
        for new in _edited_inputs(NODES[place], inputs):
            yield (*graph[:place], new, *graph[place + 1 :])


def _edited_inputs(node: int, inputs: NodeInputs) -> Iterator[NodeInputs]:
    for edge, other in (inputs, inputs[::-1]):
        for operation in range(len(OPERATIONS)):
            if operation != edge.operation:
                yield _sorted(Input(edge.source, operation), other)
        for source in range(node):
            if source not in (edge.source, other.source):
                yield _sorted(Input(source, edge.operation), other)


def _reordered(graph: CellGraph) -> Iterator[CellGraph]:
    """The cell under every order of its nodes in which edges lead forwards."""
    for order in permutations(NODES):
        place = {0: 0, 1: 1} | {node: new for new, node in zip(NODES, order, strict=True)}
        moved = {
            place[node]: [Input(place[edge.source], edge.operation) for edge in inputs]
            for node, inputs in zip(NODES, graph, strict=True)
        }
        if all(edge.source < node for node, inputs in moved.items() for edge in inputs):
            yield tuple(_sorted(*moved[node]) for node in NODES)


def _cell_drawing(name: str, graph: CellGraph) -> Drawing:
    states = [Node(f"{name} {i}", f"{name} {label}", "input") for i, label in enumerate(_STATES)]
    inner = [Node(f"{name} {node}", str(node)) for node in NODES]
    output = Node(f"{name} output", f"{name} output", "output")
    edges = [
        Edge(f"{name} {edge.source}", f"{name} {node}", _label(edge), OPERATIONS[edge.operation])
        for node, inputs in zip(NODES, graph, strict=True)
        for edge in inputs
    ]
    joined = [Edge(node.name, output.name, "", "concat") for node in inner]
    return Drawing((*states, *inner, output), (*edges, *joined))


def _label(edge: Input) -> str:
    return OPERATIONS[edge.operation].replace("_connect", "").replace("_", " ")


def _words(inputs: NodeInputs) -> str:
    return " + ".join(f"{_label(edge)} of {edge.source}" for edge in inputs)


def _fields(text: str) -> dict[str, object]:
    """What a genotype's call is given, by name."""
    try:
        call = ast.parse(text.strip(), mode="eval").body
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise ValueError(f"not a genotype: {text[:80]!r}") from None
    if not isinstance(call, ast.Call) or call.args or ast.unparse(call.func) != "Genotype":
        raise ValueError(f"not of the form Genotype(normal=..., reduce=...): {text[:80]!r}")
    return {keyword.arg or "**": _value(keyword.value) for keyword in call.keywords}


def _value(node: ast.expr) -> object:
    """A literal, or the range of two small numbers that some genotypes have for their concat."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "range":
        bounds = [_value(argument) for argument in node.args]
        match bounds:
            case [int(start), int(stop)] if 0 <= start <= stop < 100:
                return list(range(start, stop))
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise ValueError(f"not a list of edges: {ast.unparse(node)[:80]!r}") from None


def _read_cell(name: str, fields: Mapping[str, object]) -> CellGraph:
    edges = fields.get(name)
    if not isinstance(edges, list | tuple) or len(edges) != 2 * len(NODES):
        raise ValueError(f"{name} must list {2 * len(NODES)} edges, two for each node")
    concat = fields.get(f"{name}_concat", _CONCAT)
    if not isinstance(concat, list | tuple) or list(concat) != _CONCAT:
        raise ValueError(f"{name}_concat must be {_CONCAT}: the output joins all nodes")
    return tuple(
        _read_node(name, node, edges[2 * place : 2 * place + 2])
        for place, node in enumerate(NODES)
    )


def _read_node(name: str, node: int, edges: Sequence[object]) -> NodeInputs:
    where = f"{name} node {node}"
    first, second = (_read_edge(where, node, edge) for edge in edges)
    if first.source == second.source:
        raise ValueError(f"{where}: both edges come from {first.source}; they must differ")
    return _sorted(first, second)


def _read_edge(where: str, node: int, edge: object) -> Input:
    if not isinstance(edge, list | tuple) or len(edge) != 2:
        raise ValueError(f"{where}: {edge!r} is not a pair of operation and source")
    operation, source = edge
    if operation not in OPERATIONS:
        known = ", ".join(OPERATIONS)
        raise ValueError(f"{where}: unknown operation {operation!r}; known: {known}")
    if type(source) is not int or not 0 <= source < node:
        raise ValueError(f"{where}: source {source!r} is outside 0 to {node - 1}")
    return Input(source, OPERATIONS.index(operation))
