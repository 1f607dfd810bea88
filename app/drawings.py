"""A drawing of an architecture as Graphviz DOT. Arguments are text; nothing in them is markup."""

from itertools import groupby

from app.charts import AMBER, BLUE, GREEN, GREY, SKY, VERMILION
from search.spaces import Drawing, Edge, Node

# A colour and a style by what an operation is like, so that colour never stands alone.
_LOOKS = (
    ("conv", BLUE, "solid", 2.4),
    ("pool", GREEN, "dashed", 2.0),
    ("skip", AMBER, "dotted", 2.0),
    ("attention", SKY, "solid", 2.4),
    ("mlp", BLUE, "solid", 2.4),
)


def dot(drawing: Drawing, ink: str = "#5B6670", is_upright: bool = False) -> str:
    """The graph from left to right, or from top to bottom."""
    ranksep, least = (0.25, 0.28) if is_upright else (0.55, 0.42)
    lines = [
        "digraph architecture {",
        f"  rankdir={'TB' if is_upright else 'LR'}; bgcolor=transparent; nodesep=0.35;",
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
