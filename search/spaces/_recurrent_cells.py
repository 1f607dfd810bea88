"""Recurrent cells as graphs, and as the recipes of NAS-Bench-NLP."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

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


def recipe(graph: Graph) -> dict[str, dict[str, object]]:
    """The cell as the benchmark writes it: operation and inputs by node, inputs first."""
    return {
        graph.name(FIRST_NODE + node): {
            "op": step.name,
            "input": list(map(graph.name, step.inputs)),
        }
        for node, step in graph.nodes.items()
    }


def fields_of(text: str) -> dict[str, object]:
    """What JSON says of every node.

    Raises:
        ValueError: it is no JSON object.
    """
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not valid JSON: {error}") from None
    if not isinstance(fields, dict):
        raise ValueError(
            'a recipe is a JSON object such as {"h_new_0": {"op": ..., "input": ...}}'
        )
    return fields


def graph_of_recipe(fields: Mapping[str, object]) -> Graph:
    """The graph of a recipe; its nodes may have any names and any order.

    Raises:
        ValueError: names the node and what is wrong with it.
    """
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
