"""A drawing of an architecture as Graphviz DOT. Arguments are text; nothing in them is markup."""

from collections.abc import Sequence
from itertools import groupby

from app.charts import AMBER, BLUE, GREEN, GREY, SKY, VERMILION
from search.spaces import Drawing, Edge, Node

# A colour and a style by what an operation is like, so that colour never stands alone.
MOST_NODES = 8  # of a drawing that can be read where there is little room
_LOOKS = (
    ("conv", BLUE, "solid", 2.4),
    ("pool", GREEN, "dashed", 2.0),
    ("skip", AMBER, "dotted", 2.0),
    ("attention", SKY, "solid", 2.4),
    ("mlp", BLUE, "solid", 2.4),
)


def dot(drawing: Drawing, ink: str = "#5B6670", is_upright: bool = False) -> str:
    """The graph from left to right, or from top to bottom."""
    nodesep, ranksep, least = (0.2, 0.25, 0.28) if is_upright else (0.35, 0.55, 0.42)
    lines = [
        "digraph architecture {",
        f"  rankdir={'TB' if is_upright else 'LR'}; bgcolor=transparent; nodesep={nodesep};",
        f"  ranksep={ranksep}; pad=0.1;",
        f'  node [shape=circle fontname="sans-serif" fontsize=12 color="{ink}"'
        f' fontcolor="{ink}" penwidth=1.4 width={least} height={least} margin=0.03];',
        f'  edge [fontname="sans-serif" fontsize=11 fontcolor="{ink}" arrowsize=0.7];',
        *(_node(node) for node in drawing.nodes),
        *(_edge(edge) for edge in drawing.edges),
        "}",
    ]
    return "\n".join(lines)


def is_chain(drawing: Drawing) -> bool:
    """Whether one layer simply follows the other, and there are several."""
    sources = [edge.source for edge in drawing.edges]
    targets = [edge.target for edge in drawing.edges]
    is_single = len(set(sources)) == len(sources) and len(set(targets)) == len(targets)
    return is_single and len(drawing.edges) > 2


def layers(drawing: Drawing) -> list[tuple[str, int]]:
    """What the layers of a chain are, in their order; equal ones in a row once, and how many."""
    runs = groupby(edge.label for edge in drawing.edges)
    return [(label, len(list(run))) for label, run in runs]


def is_small(drawing: Drawing) -> bool:
    """Whether its labels can be read where there is little room; no chain is."""
    return len(drawing.nodes) <= MOST_NODES and not is_chain(drawing)


def inputs(drawing: Drawing) -> list[tuple[str, str]]:
    """What goes into each node: its name, and operations with where they read from."""
    labels = [node.label for node in drawing.nodes]
    names = {node.name: _called(node, labels) for node in drawing.nodes}
    found: dict[str, list[str]] = {}
    for edge in drawing.edges:
        of = f"{edge.label} of " if edge.label else ""
        dead = " (carries nothing)" if edge.is_dead else ""
        found.setdefault(names[edge.target], []).append(f"{of}{names[edge.source]}{dead}")
    ordered = (name for name in names.values() if name in found)
    return [(name, ", ".join(found[name])) for name in ordered]


def _called(node: Node, labels: Sequence[str]) -> str:
    """Its label; where others have the same, its name as well."""
    if labels.count(node.label) == 1:
        return node.label
    return node.name if node.label in node.name else f"{node.label} ({node.name})"


def alt(drawing: Drawing) -> str:
    """The drawing in words."""
    labels = {node.name: node.label for node in drawing.nodes}
    edges = (
        f"{labels.get(e.source, e.source)} to {labels.get(e.target, e.target)}: {e.label}"
        f"{' (carries nothing)' if e.is_dead else ''}"
        for e in drawing.edges
    )
    return f"{drawing.caption}. {'; '.join(edges)}"


def _node(node: Node) -> str:
    shape = "circle" if node.role == "node" else "box"
    colour = {"input": SKY, "output": VERMILION}.get(node.role)
    border = f' color="{colour}" penwidth=2.2 style=rounded' if colour else ""
    return f"  {_quoted(node.name)} [label={_quoted(node.label)} shape={shape}{border}];"


def _edge(edge: Edge) -> str:
    colour, style, width = _look(edge)
    return (
        f"  {_quoted(edge.source)} -> {_quoted(edge.target)} [label={_quoted(' ' + edge.label)}"
        f' color="{colour}" style={style} penwidth={width}];'
    )


def _look(edge: Edge) -> tuple[str, str, float]:
    if edge.is_dead:
        return f"{GREY}88", "dotted", 1.0
    for part, colour, style, width in _LOOKS:
        if part in edge.operation:
            return colour, style, width
    return GREY, "solid", 1.4


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{escaped}"'
