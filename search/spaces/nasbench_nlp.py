"""Recurrent cells of up to 21 nodes as in NAS-Bench-NLP.

Klyuchnikov et al. (2020), arXiv:2006.07116. A cell reads the token and up to three hidden states
and makes as many new ones. Encoded as in Cartesian genetic programming: every node chooses its
operation and inputs, and those that no new hidden state depends on take no part.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np

from search.spaces import Arch, Decision, Drawing, Edge, Node, spaces
from search.spaces._choice_space import ChoiceSpace
from search.spaces._choices import require_equivalence, with_choice, wrong_choice
from search.spaces._export import network_code
from search.spaces._recurrent_cells import (
    FIRST_NODE,
    MAX_HIDDEN,
    NUM_NODES,
    OPERATIONS,
    TOKEN,
    Graph,
    Step,
    fields_of,
    graph_of_recipe,
    recipe,
)
from search.spaces._recurrent_draws import drawn_graph

EQUIVALENCES = ("exact", "pruned")

_MAX_INPUTS = 3
_PER_NODE = 1 + _MAX_INPUTS
_HIDDEN = NUM_NODES * _PER_NODE  # where the number of hidden states is chosen, then their nodes
_OUTPUTS = _HIDDEN + 1
_CROSSOVER_DRAWS = 100
_CHOICES = "choices"  # of a recipe that leaves some out

_NAMES = tuple(f"{name} of {arity}" if name == "linear" else name for name, arity in OPERATIONS)


def _node_decisions(node: int) -> Iterator[Decision]:
    yield Decision(f"node_{node} operation", _NAMES)
    for k in range(_MAX_INPUTS):
        num_choices = FIRST_NODE + node - k
        yield Decision(f"node_{node} input {k + 1}", tuple(map(str, range(num_choices))), "edge")


def _decisions() -> tuple[Decision, ...]:
    nodes = (decision for node in range(NUM_NODES) for decision in _node_decisions(node))
    hidden = Decision("hidden states", tuple(map(str, range(1, 1 + MAX_HIDDEN))), "hidden")
    outputs = (
        Decision(f"h_new_{i}", tuple(map(str, range(NUM_NODES - i))), "output")
        for i in range(MAX_HIDDEN)
    )
    return (*nodes, hidden, *outputs)


class NasBenchNlp(ChoiceSpace):
    """Recurrent cells of linear maps, blends, products, sums and activations.

    Each node chooses its operation and three inputs; then come the hidden states and their nodes.
    An input cannot be one that the node reads already, so a second input is chosen among the
    others, and the same goes for new hidden states. Encodings that are invalid, or differ in
    unused choices, are numbered too.
    """

    decisions = _decisions()

    @property
    def equivalences(self) -> tuple[str, ...]:
        """Exact, then by the nodes that take part, in their order."""
        return EQUIVALENCES

    def sample(self, rng: np.random.Generator) -> Arch:
        """Draw cells as NAS-Bench-NLP does, until one is valid: see :func:`drawn_graph`."""
        arch = _arch_of(drawn_graph(rng))
        while _flaw(arch):
            arch = _arch_of(drawn_graph(rng))
        return arch

    def neighbours(self, arch: Arch) -> list[Arch]:
        """Every valid cell with one other choice that changes what takes part."""
        own = _arch_of(graph_of(arch))
        return [other for other in _edited(arch, self.counts) if _is_other_cell(other, own)]

    def mutate(self, arch: Arch, rng: np.random.Generator) -> Arch:
        """Draw one of the neighbours."""
        own, edited = _arch_of(graph_of(arch)), list(_edited(arch, self.counts))
        in_random_order = (edited[place] for place in rng.permutation(len(edited)))
        return next(other for other in in_random_order if _is_other_cell(other, own))

    def crossover(self, first: Arch, second: Arch, rng: np.random.Generator) -> Arch:
        """Take each node, and each choice of hidden states, from one of two parents.

        The first parent if no draw is valid.
        """
        for _ in range(_CROSSOVER_DRAWS):
            picks = rng.integers(2, size=NUM_NODES + 1 + MAX_HIDDEN).tolist()
            places = [*np.repeat(picks[:NUM_NODES], _PER_NODE).tolist(), *picks[NUM_NODES:]]
            pairs = zip(places, first, second, strict=True)
            child = tuple(b if pick else a for pick, a, b in pairs)
            if not _flaw(child):
                return child
        return first

    def invalid_reason(self, arch: Sequence[int]) -> str | None:
        """Why this is no cell: the token and every hidden state must be used."""
        return wrong_choice(self.decisions, arch) or _flaw(tuple(arch))

    def encode(self, arch: Arch) -> str:
        """The benchmark's recipe: JSON of operation and inputs by node.

        Where choices that take no part are not all the first, they follow under ``choices``.
        """
        fields: dict[str, object] = dict(recipe(graph_of(arch)))
        if arch != self.canonical(arch, "pruned"):
            fields[_CHOICES] = list(arch)
        return json.dumps(fields)

    def decode(self, text: str) -> Arch:
        """Read a recipe; its nodes may have any names and any order.

        Raises:
            ValueError: names the node and what is wrong with it.
        """
        fields = fields_of(text)
        choices = fields.pop(_CHOICES, None)
        arch = _arch_of(graph_of_recipe(fields))
        if choices is None:
            return arch
        whole = tuple(choices) if isinstance(choices, list) else ()
        reason = wrong_choice(self.decisions, whole)
        if reason or self.canonical(whole, "pruned") != arch:
            raise ValueError(f"{_CHOICES} do not make this cell: {reason or 'nodes differ'}")
        return whole

    def canonical(self, arch: Arch, equivalence: str = "exact") -> Arch:
        """The cell with its nodes moved together; what takes no part has the first choice."""
        require_equivalence("nasbench_nlp", EQUIVALENCES, equivalence)
        return arch if equivalence == "exact" else _arch_of(graph_of(arch))

    def drawing(self, arch: Arch) -> Drawing:
        """Operations are boxes between what is read and the new hidden states."""
        graph = graph_of(arch)
        read = sorted(source for source in graph.used if source < FIRST_NODE)
        inputs = [Node(graph.name(source), graph.name(source), "input") for source in read]
        inner = [
            Node(f"node {node}", _NAMES[step.operation], "operation")
            for node, step in graph.nodes.items()
        ]
        outputs = [Node(f"h_new_{i}", f"h_new_{i}", "output") for i in range(len(graph.outputs))]
        edges = [
            Edge(_drawn_name(graph, source), f"node {node}", "", step.name)
            for node, step in graph.nodes.items()
            for source in step.inputs
        ]
        ends = [Edge(f"node {n}", f"h_new_{i}", "", "") for i, n in enumerate(graph.outputs)]
        caption = _flaw(arch) or (
            f"{len(graph.nodes)} nodes, {len(graph.outputs)} hidden state"
            f"{'s' if len(graph.outputs) > 1 else ''}"
        )
        return Drawing((*inputs, *inner, *outputs), (*edges, *ends), caption)

    def edit(self, first: Arch, second: Arch) -> str:
        """Which nodes and new hidden states change, in words."""
        if first == second:
            return ""
        before, after = _words(first), _words(second)
        changed = [
            f"{name}: {before[name]} becomes {after[name]}"
            for name in before
            if before[name] != after[name]
        ]
        return "; ".join(changed) or "choices that take no part"

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
            shape: channels, height and width; the network reads column by column.
            num_classes: how many outputs.
            params: parameters of the network builder, such as ``hidden``.
        """
        arguments = {
            "recipe": recipe(valid_graph(arch)),
            "features": shape[0] * shape[1],
            "num_classes": num_classes,
            **params,
        }
        return network_code("_nasbench_nlp", "cell found by a search", arguments, shape=shape)


nasbench_nlp = spaces.register(NasBenchNlp())


def valid_graph(arch: Arch) -> Graph:
    """What takes part in *arch*.

    Raises:
        ValueError: the arch is no cell; says why.
    """
    reason = nasbench_nlp.invalid_reason(arch)
    if reason:
        raise ValueError(f"not a cell of nasbench_nlp: {reason}")
    return graph_of(arch)


@lru_cache(maxsize=4_096)
def graph_of(arch: Arch) -> Graph:
    """The nodes that some new hidden state depends on."""
    outputs = _outputs(arch)
    nodes: dict[int, Step] = {}
    waiting = [*outputs]
    while waiting:
        node = waiting.pop()
        if node not in nodes:
            nodes[node] = _step(arch, node)
            waiting += [
                source - FIRST_NODE for source in nodes[node].inputs if source >= FIRST_NODE
            ]
    return Graph(dict(sorted(nodes.items())), tuple(outputs))


def _outputs(arch: Arch) -> list[int]:
    """The nodes that are the new hidden states."""
    num_hidden = 1 + arch[_HIDDEN]
    return _picked(range(NUM_NODES), arch[_OUTPUTS : _OUTPUTS + num_hidden])


def _step(arch: Arch, node: int) -> Step:
    """A node; where there is too little to read for its operation, linear of 2 stands in."""
    operation, *inputs = arch[node * _PER_NODE : (node + 1) * _PER_NODE]
    num_hidden = 1 + arch[_HIDDEN]
    if len(_sources(operation, node, num_hidden)) < OPERATIONS[operation][1]:
        operation = 0
    sources = _sources(operation, node, num_hidden)
    return Step(operation, tuple(_picked(sources, inputs[: OPERATIONS[operation][1]])))


def _sources(operation: int, node: int, num_hidden: int) -> list[int]:
    """What a node may read: the nodes before it; the token only through a linear map."""
    token = [TOKEN] if OPERATIONS[operation][0] == "linear" else []
    hidden = range(1, 1 + num_hidden)
    return [*token, *hidden, *range(FIRST_NODE, FIRST_NODE + node)]


def _picked(options: Iterable[int], choices: Sequence[int]) -> list[int]:
    """Different members of *options*: each choice is a place among those that are left.

    A choice beyond the last begins at the front again, where the token and the hidden states are.
    """
    left = list(options)
    return [left.pop(choice % len(left)) for choice in choices]


def _places(options: Iterable[int], picked: Sequence[int]) -> list[int]:
    """The first choices that pick these; inverse of :func:`_picked`."""
    left, places = list(options), []
    for option in picked:
        places.append(left.index(option))
        left.remove(option)
    return places


def _arch_of(graph: Graph) -> Arch:
    """The first encoding of a graph: its nodes moved together, all other choices 0."""
    place = {node: new for new, node in enumerate(graph.nodes)}
    num_hidden = len(graph.outputs)
    choices = [0] * (_OUTPUTS + MAX_HIDDEN)
    for node, step in graph.nodes.items():
        moved = [s if s < FIRST_NODE else FIRST_NODE + place[s - FIRST_NODE] for s in step.inputs]
        inputs = _places(_sources(step.operation, place[node], num_hidden), moved)
        start = place[node] * _PER_NODE
        choices[start : start + 1 + len(inputs)] = [step.operation, *inputs]
    outputs = _places(range(NUM_NODES), [place[node] for node in graph.outputs])
    choices[_HIDDEN : _OUTPUTS + num_hidden] = [num_hidden - 1, *outputs]
    return tuple(choices)


def _flaw(arch: Arch) -> str | None:
    """Why well-formed choices are no cell."""
    graph = graph_of(arch)
    unused = sorted(set(range(1 + len(graph.outputs))) - graph.used)
    return f"{graph.name(unused[0])} is not used" if unused else None


def _edited(arch: Arch, counts: Sequence[int]) -> Iterator[Arch]:
    """The arch with one other choice, of those that take part."""
    graph = graph_of(arch)
    places = [
        node * _PER_NODE + k
        for node, step in graph.nodes.items()
        for k in range(1 + len(step.inputs))
    ]
    for place in (*places, *range(_HIDDEN, _OUTPUTS + len(graph.outputs))):
        for choice in range(counts[place]):
            if choice != arch[place]:
                yield with_choice(arch, place, choice)


def _is_other_cell(arch: Arch, pruned: Arch) -> bool:
    """Valid, and not the same as *pruned* when itself pruned."""
    return not _flaw(arch) and _arch_of(graph_of(arch)) != pruned


def _drawn_name(graph: Graph, source: int) -> str:
    return graph.name(source) if source < FIRST_NODE else f"node {source - FIRST_NODE}"


def _words(arch: Arch) -> dict[str, str]:
    """Every node and new hidden state, in words, whether it takes part or not."""
    nothing = Graph({}, ())
    steps = {node: _step(arch, node) for node in range(NUM_NODES)}
    words = {
        f"node_{node}": f"{step.name} of {', '.join(map(nothing.name, step.inputs))}"
        for node, step in steps.items()
    }
    outputs = dict(enumerate(_outputs(arch)))
    return words | {
        f"h_new_{i}": f"node_{outputs[i]}" if i in outputs else "nothing"
        for i in range(MAX_HIDDEN)
    }
