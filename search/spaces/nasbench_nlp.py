"""Recurrent cells of up to 21 nodes as in NAS-Bench-NLP.

Klyuchnikov et al. (2020), arXiv:2006.07116. A cell reads the token and up to three hidden states
and makes as many new ones. Encoded as in Cartesian genetic programming: every node chooses its
operation and inputs, and those that no new hidden state depends on take no part.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from search.spaces import Arch, Decision, Drawing, Edge, Node, spaces
from search.spaces._choices import (
    arch_at,
    drawn,
    index_of,
    require_equivalence,
    with_choice,
    wrong_choice,
)
from search.spaces._export import network_code

NUM_NODES = 21
MAX_HIDDEN = 3
TOKEN = 0  # sources are numbered: the token, the hidden states, then the nodes
FIRST_NODE = 1 + MAX_HIDDEN
OPERATIONS = (  # as the recipes call them, and how many inputs they read
    ("linear", 2),
    ("linear", 3),
    ("blend", 3),
    ("elementwise_prod", 2),
    ("elementwise_sum", 2),
    ("activation_tanh", 1),
    ("activation_sigm", 1),
    ("activation_leaky_relu", 1),
)
EQUIVALENCES = ("exact", "pruned")

_MAX_INPUTS = 3
_PER_NODE = 1 + _MAX_INPUTS
_HIDDEN = NUM_NODES * _PER_NODE  # where the number of hidden states is chosen, then their nodes
_OUTPUTS = _HIDDEN + 1
_CROSSOVER_DRAWS = 100
_CHOICES = "choices"  # of a recipe that leaves some out
_NAMES = tuple(f"{name} of {arity}" if name == "linear" else name for name, arity in OPERATIONS)


@dataclass(frozen=True)
class Step:
    """One node: an operation, and what it reads by source number."""

    operation: int  # choice
    inputs: tuple[int, ...]

    @property
    def name(self) -> str:
        """As the recipes call the operation."""
        return OPERATIONS[self.operation][0]


@dataclass(frozen=True)
class Graph:
    """The nodes that take part, by number, and which of them are the new hidden states."""

    nodes: Mapping[int, Step]
    outputs: tuple[int, ...]

    @property
    def used(self) -> set[int]:
        """Sources that some node reads."""
        return {source for step in self.nodes.values() for source in step.inputs}

    def name(self, source: int) -> str:
        """As recipes name it."""
        if source == TOKEN:
            return "x"
        if source < FIRST_NODE:
            return f"h_prev_{source - 1}"
        node = source - FIRST_NODE
        if node in self.outputs:
            return f"h_new_{self.outputs.index(node)}"
        return f"node_{node}"


class NasBenchNlp:
    """Recurrent cells of linear maps, blends, products, sums and activations."""

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """For each node its operation and three inputs; then the hidden states and their nodes.

        An input cannot be one that the node reads already, so a second input is chosen among
        the others, and the same goes for new hidden states.
        """
        return _decisions()

    @property
    def size(self) -> int:
        """All encodings, invalid ones and those that differ in unused choices included."""
        return int(np.prod(_counts(), dtype=object))

    @property
    def equivalences(self) -> tuple[str, ...]:
        """Exact, then by the nodes that take part, in their order."""
        return EQUIVALENCES

    def at(self, index: int) -> Arch:
        """The encoding with this number; it may be invalid."""
        return arch_at(_counts(), index)

    def index(self, arch: Arch) -> int:
        """The number of *arch*."""
        return index_of(_counts(), arch)

    def sample(self, rng: np.random.Generator) -> Arch:
        """Draw encodings until one is valid, so uniformly over the valid ones."""
        arch = drawn(_counts(), rng)
        while _flaw(arch):
            arch = drawn(_counts(), rng)
        return arch

    def neighbours(self, arch: Arch) -> list[Arch]:
        """Every valid cell with one other choice that changes what takes part."""
        own = _arch_of(graph_of(arch))
        return [other for other in _edited(arch) if _is_other_cell(other, own)]

    def mutate(self, arch: Arch, rng: np.random.Generator) -> Arch:
        """Draw one of the neighbours."""
        own, edited = _arch_of(graph_of(arch)), list(_edited(arch))
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
        fields = _object(text)
        choices = fields.pop(_CHOICES, None)
        arch = _arch_of(_read(fields))
        if choices is None:
            return arch
        whole = tuple(choices) if isinstance(choices, list) else ()
        reason = wrong_choice(self.decisions, whole)
        if reason or self.canonical(whole, "pruned") != arch:
            raise ValueError(f"{_CHOICES} do not make this cell: {reason or 'nodes differ'}")
        return whole

    def key(self, arch: Arch, equivalence: str = "exact") -> str:
        """The recipe of the canonical member."""
        return self.encode(self.canonical(arch, equivalence))

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


def recipe(graph: Graph) -> dict[str, dict[str, object]]:
    """The cell as the benchmark writes it: operation and inputs by node, inputs first."""
    return {
        graph.name(FIRST_NODE + node): {
            "op": step.name,
            "input": list(map(graph.name, step.inputs)),
        }
        for node, step in graph.nodes.items()
    }


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
    choices = [0] * len(_counts())
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


def _edited(arch: Arch) -> Iterator[Arch]:
    """The arch with one other choice, of those that take part."""
    graph = graph_of(arch)
    places = [
        node * _PER_NODE + k
        for node, step in graph.nodes.items()
        for k in range(1 + len(step.inputs))
    ]
    for place in (*places, *range(_HIDDEN, _OUTPUTS + len(graph.outputs))):
        for choice in range(_counts()[place]):
            if choice != arch[place]:
                yield with_choice(arch, place, choice)


def _is_other_cell(arch: Arch, pruned: Arch) -> bool:
    """Valid, and not the same as *pruned* when itself pruned."""
    return not _flaw(arch) and _arch_of(graph_of(arch)) != pruned


@cache
def _decisions() -> tuple[Decision, ...]:
    nodes = (decision for node in range(NUM_NODES) for decision in _node_decisions(node))
    hidden = Decision("hidden states", tuple(map(str, range(1, 1 + MAX_HIDDEN))), "hidden")
    outputs = (
        Decision(f"h_new_{i}", tuple(map(str, range(NUM_NODES - i))), "output")
        for i in range(MAX_HIDDEN)
    )
    return (*nodes, hidden, *outputs)


def _node_decisions(node: int) -> Iterator[Decision]:
    yield Decision(f"node_{node} operation", _NAMES)
    for k in range(_MAX_INPUTS):
        num_choices = FIRST_NODE + node - k
        yield Decision(f"node_{node} input {k + 1}", tuple(map(str, range(num_choices))), "edge")


@cache
def _counts() -> tuple[int, ...]:
    return tuple(len(decision.choices) for decision in _decisions())


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


def _object(text: str) -> dict[str, object]:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not valid JSON: {error}") from None
    if not isinstance(fields, dict):
        raise ValueError(
            'a recipe is a JSON object such as {"h_new_0": {"op": ..., "input": ...}}'
        )
    return fields


def _read(fields: Mapping[str, object]) -> Graph:
    """The graph of a recipe."""
    parts = {name: _part(name, value, fields) for name, value in fields.items()}
    if len(parts) > NUM_NODES:
        raise ValueError(f"a cell has at most {NUM_NODES} nodes, not {len(parts)}")
    names = [name for name in _hidden_names("h_new") if name in parts]
    if names != _hidden_names("h_new")[: max(1, len(names))]:
        raise ValueError("new hidden states must be h_new_0, h_new_1 and h_new_2, without gaps")
    number = {"x": TOKEN} | {f"h_prev_{i}": 1 + i for i in range(len(names))}
    nodes: dict[int, Step] = {}
    for node, name in enumerate(_ordered(parts)):
        operation, inputs = parts[name]
        nodes[node] = Step(operation, tuple(_number(name, source, number) for source in inputs))
        number[name] = FIRST_NODE + node
    graph = Graph(nodes, tuple(number[name] - FIRST_NODE for name in names))
    _require_all_used(graph, number)
    return graph


def _hidden_names(kind: str) -> list[str]:
    return [f"{kind}_{i}" for i in range(MAX_HIDDEN)]


def _part(name: str, value: object, known: Mapping[str, object]) -> tuple[int, list[str]]:
    """Operation and names of inputs of one node."""
    if not isinstance(value, dict) or set(value) != {"op", "input"}:
        raise ValueError(f"{name}: a node has an op and an input, nothing else")
    operation, inputs = value["op"], value["input"]
    if not isinstance(inputs, list) or not all(isinstance(source, str) for source in inputs):
        raise ValueError(f"{name}: input must be a list of names")
    if (operation, len(inputs)) not in OPERATIONS:
        options = ", ".join(f"{op} of {arity}" for op, arity in OPERATIONS)
        raise ValueError(
            f"{name}: unknown {operation!r} of {len(inputs)} inputs; known: {options}"
        )
    if len(set(inputs)) < len(inputs):
        raise ValueError(f"{name}: reads the same input twice")
    sources = {"x", *_hidden_names("h_prev"), *known}
    stray = [source for source in inputs if source not in sources]
    if stray:
        raise ValueError(f"{name}: there is no {stray[0]!r} to read")
    if operation != "linear" and "x" in inputs:
        raise ValueError(f"{name}: x can only be read by a linear node")
    return OPERATIONS.index((operation, len(inputs))), inputs


def _ordered(parts: Mapping[str, tuple[int, list[str]]]) -> list[str]:
    """Names of the nodes, each after what it reads, otherwise in the order given."""
    ordered: list[str] = []
    left = list(parts)
    while left:
        ready = next((n for n in left if not set(parts[n][1]) & set(left)), None)
        if ready is None:
            raise ValueError(f"{left[0]}: reads itself, directly or through others")
        ordered.append(ready)
        left.remove(ready)
    return ordered


def _number(name: str, source: str, number: Mapping[str, int]) -> int:
    if source not in number:
        raise ValueError(
            f"{name}: reads {source}, but there is no {source.replace('prev', 'new')}"
        )
    return number[source]


def _require_all_used(graph: Graph, number: Mapping[str, int]) -> None:
    for name, source in number.items():
        node = source - FIRST_NODE
        if node >= 0 and source not in graph.used and node not in graph.outputs:
            raise ValueError(f"{name}: nothing reads it")
