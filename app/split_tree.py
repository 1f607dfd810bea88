"""How a supernet was split into members: the tree of the parts, and what a splitter measured."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from search.spaces import Decision, Drawing, Edge, Node

MAX_DRAWN = 64  # parts
MAX_WORDS = 34


@dataclass(frozen=True, eq=False)
class Distances:
    """How far the gradients of the choices of one decision lie apart, in one member.

    Attributes:
        inter, intra: of the best partition: between its groups, and within them.
        is_chosen: the member was split at this decision.
    """

    decision: str
    choices: tuple[str, ...]
    distances_CC: NDArray[np.float64]
    inter: float | None
    intra: float | None
    is_chosen: bool


@dataclass(frozen=True)
class Part:
    """A part of the space, and what it was split into.

    Attributes:
        label: what holds in it and not in its siblings; empty for the whole space.
        decision: at which it was split; empty for a leaf.
        step: of the training, at which it was split.
    """

    label: str = ""
    decision: str = ""
    step: int = 0
    parts: tuple["Part", ...] = ()
    measured: tuple[Distances, ...] = field(default=(), compare=False)


def levels(
    snapshots: Sequence[tuple[int, Mapping[str, Any]]],
) -> list[tuple[int, list[Mapping[str, Any]]]]:
    """What each split did to the members that there were, the first split first.

    Args:
        snapshots: named ``splits``, with their steps: each of one split, or of all so far.
    """
    found: list[tuple[int, list[Mapping[str, Any]]]] = []
    for step, content in sorted(snapshots, key=lambda one: one[0]):
        every = content.get("splits")
        if every is None:
            found.append((step, list(content.get("members", ()))))
            continue
        found += [(step, list(one.get("members", ()))) for one in every[len(found) :]]
    return [one for one in found if one[1]]


def tree(
    found: Sequence[tuple[int, Sequence[Mapping[str, Any]]]], decisions: Sequence[Decision]
) -> Part:
    """The parts, in the order in which members are numbered.

    Args:
        found: from :func:`levels`.
        decisions: of the space.
    """
    logs = [iter(members) for _, members in found]
    steps = [step for step, _ in found]
    # Members are numbered part by part, so level by level each log belongs to the next part.
    return _split("", 0, steps, logs, decisions)


def drawing(root: Part) -> Drawing:
    """The tree as a graph."""
    nodes: list[Node] = []
    edges: list[Edge] = []

    def add(part: Part, name: str) -> None:
        role = "operation" if part.parts else "output"
        nodes.append(Node(name, _node_label(part), role if name != "0" else "input"))
        for number, child in enumerate(part.parts):
            if len(nodes) < MAX_DRAWN:
                inner = f"{name}.{number}"
                edges.append(Edge(name, inner, "", ""))
                add(child, inner)

    add(root, "0")
    return Drawing(tuple(nodes), tuple(edges), "the parts of the space")


def num_leaves(part: Part) -> int:
    """Members in the end."""
    return sum(map(num_leaves, part.parts)) if part.parts else 1


def leaves(part: Part, within: str = "") -> Iterator[str]:
    """What holds in each member, in the order of their numbers."""
    if not part.parts:
        yield within or "the whole space"
    for child in part.parts:
        own = f"{part.decision}: {child.label}"
        yield from leaves(child, f"{within}; {own}" if within else own)


def measured(part: Part) -> Iterator[tuple[str, Distances]]:
    """Every distance matrix with the part that it is of."""
    for one in part.measured:
        yield part.label or "the whole space", one
    for child in part.parts:
        yield from measured(child)


def _split(
    label: str,
    level: int,
    steps: Sequence[int],
    logs: Sequence[Iterator[Mapping[str, Any]]],
    decisions: Sequence[Decision],
) -> Part:
    if level == len(logs):
        return Part(label)
    log = next(logs[level], None)
    if log is None:
        return Part(label)
    places, labels = _children(log, decisions)
    parts = tuple(_split(one, level + 1, steps, logs, decisions) for one in labels)
    name = ", ".join(_decision(place, decisions) for place in places)
    return Part(label, name, steps[level], parts, tuple(_distances(log, decisions)))


def _children(
    log: Mapping[str, Any], decisions: Sequence[Decision]
) -> tuple[list[int], list[str]]:
    """The decisions of a split, and the label of each part that it made."""
    if "groups" in log:
        place = int(log["decision"])
        names = _choices(place, decisions)
        return [place], [
            " or ".join(_name(int(choice), names) for choice in group) for group in log["groups"]
        ]
    places = [int(place) for place in log.get("decisions", ())]
    options = [_choices(place, decisions) for place in places]
    return places, [", ".join(chosen) for chosen in product(*options)]


def _distances(log: Mapping[str, Any], decisions: Sequence[Decision]) -> Iterator[Distances]:
    for text, matrix in (log.get("distances") or {}).items():
        place = int(text)
        distances_CC = np.asarray(matrix, np.float64)
        if distances_CC.ndim == 2:
            names = _choices(place, decisions)
            yield Distances(
                _decision(place, decisions),
                tuple(_name(c, names) for c in range(len(distances_CC))),
                distances_CC,
                (log.get("inter") or {}).get(text),
                (log.get("intra") or {}).get(text),
                place == log.get("decision"),
            )


def _decision(place: int, decisions: Sequence[Decision]) -> str:
    return decisions[place].name if place < len(decisions) else f"decision {place}"


def _choices(place: int, decisions: Sequence[Decision]) -> tuple[str, ...]:
    return decisions[place].choices if place < len(decisions) else ()


def _name(choice: int, names: Sequence[str]) -> str:
    return names[choice] if choice < len(names) else f"choice {choice}"


def _node_label(part: Part) -> str:
    words = part.label or "whole space"
    short = words if len(words) <= MAX_WORDS else f"{words[: MAX_WORDS - 3]}..."
    return f"{short} | split at {part.decision}" if part.parts else short
