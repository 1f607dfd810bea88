"""Pictures of how far a ranking is to be trusted: agreement over training, what was trained."""

import html
from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from app import wording
from app.charts._intervals import whiskers
from app.charts._style import BLUE, GREEN, GREY, SKY, VERMILION, plain_layout, ticks
from app.charts.training import INK
from app.drawn import drawn
from app.ranking import Agreed, Alike, Look, Trained, Truth
from search.correlation import Estimate

HEIGHT, ROW_HEIGHT, FRAME = 320, 30, 40
# Baselines are often alike: their names stand apart.
BASELINE_LOOKS = (("dot", "top left"), ("longdashdot", "bottom right"))
PAIR_LOOKS = (
    (GREEN, "dash", "square"),
    (BLUE, "dot", "diamond"),
    (VERMILION, "solid", "circle"),
)
# Light throughout; white is what uniform training would give.
UNEVEN = [[0, "#E8907C"], [0.5, "#F4F6F8"], [1, "#5FA3D9"]]
EVEN_SCALE = {
    "thickness": 10,
    "outlinewidth": 0,
    "tickvals": [0, 1, 2],
    "ticktext": ["never", "even share", "twice or more"],
}
MAX_NAME = 14
MAX_RATIO = 2.0  # beyond it the colour says no more
LEGEND = {"orientation": "h", "y": 1.02, "x": 0, "yanchor": "bottom"}


def trust_chart(found: Sequence[Agreed], baselines: Mapping[str, float]) -> go.Figure:
    """Kendall's tau with its interval and Spearman's rho over the training.

    Args:
        found: a look each.
        baselines: the tau of what needs no training, by name; drawn across.
    """
    steps = np.array([one.step for one in found], np.float32)
    figure = go.Figure()
    for name, colour, dash, mark, values in (
        ("Spearman", BLUE, "dash", "diamond", [one.spearman for one in found]),
        ("Kendall tau-b", VERMILION, "solid", "circle", [one.kendall for one in found]),
    ):
        figure.add_trace(
            go.Scatter(
                x=steps,
                y=_values(values),
                mode="lines+markers",
                name=name,
                line={"color": colour, "dash": dash, "width": 2},
                marker={"symbol": mark, "size": 8},
                error_y=whiskers(values, width=4) if name != "Spearman" else None,
                hovertemplate=f"{name}, step %{{x:,.0f}}: %{{y:.3f}}<extra></extra>",
            )
        )
    for (name, tau), (dash, place) in zip(baselines.items(), BASELINE_LOOKS, strict=False):
        figure.add_hline(
            y=tau,
            line={"color": GREY, "dash": dash, "width": 1.5},
            annotation={"text": f"{html.escape(name)} {tau:.2f}", "font": {"size": 12}},
            annotation_position=place,
        )
    return _over_steps(figure, "agreement with the truth")


def trust_alt(found: Sequence[Agreed], truth: Truth) -> str:
    """The chart in words."""
    last = found[-1].kendall.value if found else None
    told = "has no value" if last is None else f"is {last:.2f}"
    return (
        f"Kendall's tau-b of inherited accuracy with {truth.name} over "
        f"{wording.counted(len(found), 'look')}; at the last it {told}."
    )


Series = tuple[str, Sequence[Alike]]


def stability_chart(found: Sequence[Series]) -> go.Figure:
    """Kendall's tau of rankings with each other, mean and range.

    Args:
        found: up to three kinds of pairs, with their names.
    """
    figure = go.Figure()
    for (name, pairs), (colour, dash, mark) in zip(found, PAIR_LOOKS, strict=False):
        held = [one for one in pairs if one.taus]
        if not held:
            continue
        means = np.array([one.mean for one in held], np.float32)
        figure.add_trace(
            go.Scatter(
                x=np.array([one.step for one in held], np.float32),
                y=means,
                mode="lines+markers",
                name=name,
                line={"color": colour, "dash": dash, "width": 2},
                marker={"symbol": mark, "size": 8},
                error_y={
                    "type": "data",
                    "symmetric": False,
                    "array": [max(one.taus) for one in held] - means,
                    "arrayminus": means - [min(one.taus) for one in held],
                    "thickness": 1.4,
                    "width": 4,
                },
                hovertemplate=f"{name}, step %{{x:,.0f}}: %{{y:.3f}}<extra></extra>",
            )
        )
    return _over_steps(figure, "Kendall tau-b")


def stability_alt(found: Sequence[Series]) -> str:
    """The chart in words."""
    told = []
    for name, pairs in found:
        means = [one.mean for one in pairs if one.mean is not None]
        if means:
            told.append(f"{name} {means[-1]:.2f}")
    return f"Kendall's tau-b of rankings with each other; last: {', '.join(told) or 'unknown'}."


def inherited_chart(look: Look, truth: Truth) -> go.Figure:
    """The probes: inherited accuracy across, the truth upwards."""
    both = [arch for arch in look.values if arch in truth.values]
    figure = go.Figure(
        go.Scatter(
            x=np.array([look.values[arch] for arch in both], np.float32),
            y=drawn([truth.values[arch] for arch in both]),
            mode="markers",
            marker={"size": 9, "color": SKY, "line": {"color": BLUE, "width": 1}},
            text=[html.escape(wording.shortened(arch, 80)) for arch in both],
            hovertemplate="%{text}<br>inherited %{x:.2f} %, truth %{y:.4~g}<extra></extra>",
        )
    )
    figure.update_layout(**plain_layout(HEIGHT), dragmode="pan", showlegend=False)
    grid = {**ticks(), "tickformat": "~g"}
    better = "higher" if truth.direction == "maximize" else "lower"
    figure.update_xaxes(**grid, title={"text": "inherited accuracy (%)"})
    title = wording.titled(truth.name, truth.unit)
    figure.update_yaxes(**grid, title={"text": f"{html.escape(title)}, {better} is better"})
    return figure


def trained_chart(found: Sequence[Trained]) -> go.Figure:
    """Decisions by choices: how often each was trained, coloured against an even share."""
    width = max(len(one.counts) for one in found)
    heads = found[0].choices
    is_alike = all(one.choices == heads for one in found)
    ratios = np.full((len(found), width), np.nan, np.float32)
    texts = [["" for _ in range(width)] for _ in found]
    for row, one in enumerate(found):
        even = sum(one.counts) / len(one.counts)
        for place, count in enumerate(one.counts):
            ratios[row, place] = min(count / even, MAX_RATIO) if even else 1.0
            name = "" if is_alike else f"{wording.shortened(one.choices[place], MAX_NAME)}: "
            texts[row][place] = html.escape(f"{name}{count:,.0f}")
    figure = go.Figure(
        go.Heatmap(
            x=[
                html.escape(heads[place]) if is_alike else f"choice {place + 1}"
                for place in range(width)
            ],
            y=[html.escape(wording.shortened(one.decision, 28)) for one in found],
            z=ratios,
            zmin=0,
            zmax=MAX_RATIO,
            colorscale=UNEVEN,
            colorbar=EVEN_SCALE,
            xgap=1,
            ygap=1,
            text=texts,
            texttemplate="%{text}",
            textfont={"color": INK},
            hovertemplate="%{y}, %{x}: %{text} times, %{z:.2f} of an even share<extra></extra>",
        )
    )
    figure.update_layout(**plain_layout(FRAME + ROW_HEIGHT * max(len(found), 3)), dragmode=False)
    figure.update_xaxes(side="top", showgrid=False)
    figure.update_yaxes(autorange="reversed", automargin=True, showgrid=False)
    return figure


def trained_alt(found: Sequence[Trained]) -> str:
    """The most uneven decision, in words."""
    worst = max(found, key=lambda one: one.unevenness)
    ratio = worst.unevenness
    if ratio == 1:
        return "Within every decision all choices were trained equally often."
    told = (
        f"{worst.decision} is the most uneven: its most trained choice was trained "
        f"{wording.number(ratio)} times as often as its least trained"
        if np.isfinite(ratio)
        else f"a choice of {worst.decision} was never trained"
    )
    num = wording.counted(len(found), "decision")
    return f"How often the choices of {num} were trained; {told}."


def _over_steps(figure: go.Figure, title: str) -> go.Figure:
    figure.update_layout(**plain_layout(HEIGHT), dragmode="pan", legend=LEGEND)
    figure.add_hline(y=0, line={"color": GREY, "width": 1})
    figure.update_xaxes(**{**ticks(), "tickformat": ",d"}, title={"text": "step"})
    figure.update_yaxes(**{**ticks(), "tickformat": ".1f"}, title={"text": title})
    return figure


def _values(found: Sequence[Estimate]) -> np.ndarray:
    return np.array([np.nan if e.value is None else e.value for e in found], np.float32)
