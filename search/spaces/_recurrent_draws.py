"""Recurrent cells drawn at random, as NAS-Bench-NLP draws them (Klyuchnikov et al., 2020).

From a description of its generator: up to seven vertices; a vertex is linear with a weight of 3,
each other operation has 1; a linear one reads two inputs with a weight of 4, three with 1, and an
activation follows it. A reconstruction: that there are seven before those that nothing reads are
left out, that the number of hidden states is uniform, that an activation alone reads its linear
map, and which vertices give the new states. Published cells have 7.7 nodes in the mean, these 6.1.
"""

import numpy as np

from search.spaces._recurrent_cells import (
    FIRST_NODE,
    MAX_HIDDEN,
    OPERATIONS,
    TOKEN,
    Graph,
    Step,
)

NUM_VERTICES = 7
ACTIVATIONS = [i for i, (name, _) in enumerate(OPERATIONS) if name.startswith("activation")]
VERTICES = {  # by operation, how likely: 3 of 6 are linear, of which one in five reads three
    ("linear", 2): 12 / 30,
    ("linear", 3): 3 / 30,
    ("blend", 3): 5 / 30,
    ("elementwise_prod", 2): 5 / 30,
    ("elementwise_sum", 2): 5 / 30,
}


def drawn_graph(rng: np.random.Generator) -> Graph:
    """A cell whose inputs need not all be used; what its new states do not read is left out."""
    num_hidden = int(rng.integers(1, MAX_HIDDEN + 1))
    nodes: dict[int, Step] = {}
    read = list(range(1, 1 + num_hidden))  # what a vertex may read besides the token
    while len(read) < num_hidden + NUM_VERTICES:  # two inputs for a linear map are always there
        operation = _operation(rng)
        name, arity = OPERATIONS[operation]
        sources = [TOKEN, *read] if name == "linear" else read
        if len(sources) < arity:
            continue
        inputs = rng.permutation(sources)[:arity].tolist()
        node = _added(nodes, Step(operation, tuple(inputs)))
        if name == "linear":
            node = _added(nodes, Step(int(rng.choice(ACTIVATIONS)), (node,)))
        read.append(node)
    ends = [source - FIRST_NODE for source in read[num_hidden:]]
    outputs = tuple(rng.permutation(ends)[:num_hidden].tolist())
    return _pruned(nodes, outputs)


def _operation(rng: np.random.Generator) -> int:
    kinds = list(VERTICES)
    return OPERATIONS.index(kinds[int(rng.choice(len(kinds), p=list(VERTICES.values())))])


def _added(nodes: dict[int, Step], step: Step) -> int:
    """The source number of a new node."""
    nodes[len(nodes)] = step
    return FIRST_NODE + len(nodes) - 1


def _pruned(nodes: dict[int, Step], outputs: tuple[int, ...]) -> Graph:
    kept = set(outputs)
    for node in sorted(nodes, reverse=True):  # every node comes after what it reads
        if node in kept:
            kept |= {s - FIRST_NODE for s in nodes[node].inputs if s >= FIRST_NODE}
    return Graph({node: nodes[node] for node in sorted(kept)}, outputs)
