"""The training of a search's supernet: its curves, what it trained how often, the method's log."""

from collections.abc import Mapping, Sequence
from itertools import islice

import streamlit as st

from app import charts, drawings, pages, ranking, split_tree, supernet_record, wording
from app import training_curves as curves
from app.charts import ranking as ranking_charts
from app.charts import training as training_charts
from app.inheriting import trains_supernet
from app.markdown_table import table
from app.ranking import Look, Trained, trained
from app.split_tree import Part
from app.training_curves import Heat, Panel
from app.views import _following, _numbers, _search_files
from app.views._drawing import ink
from db import artifacts, metrics
from db.models import Job
from db.session import reading
from db.snapshots import Told
from search.spaces import spaces

NUM_COLUMNS = 2
RECONSTRUCTED = (
    ":orange-badge[reconstruction] No code of this method was released: what is shown is what "
    "our reading of it does."
)


def show(job: Job, interval: int | None) -> None:
    """The tab. While the training goes on only what has changed is drawn anew.

    Args:
        job: that uses a supernet.
        interval: seconds between two looks at the record; None for none.
    """
    if not trains_supernet(job.spec):
        _trained_before(job)
        return
    often = _following.every(job, interval)
    st.fragment(_draw, run_every=often)(job.id, job.space, is_live=often is not None)


def _trained_before(job: Job) -> None:
    with reading() as session:
        trainer = supernet_record.trainer_of(session, job)
    if trainer is None:
        st.markdown(supernet_record.NO_TRAINER)
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown("This search reads a supernet that was trained before, by", width="content")
        name = wording.plain(wording.shortened(trainer.name, 50))
        pages.link("search", name, icon=":material/open_in_new:", id=trainer.id, tab="training")
    _draw(trainer.id, trainer.space)


def _draw(job_id: int, space: str, *, is_live: bool = False) -> None:
    with reading() as session:
        series = metrics.metrics(session, job_id)
        told = {
            name: supernet_record.told(session, job_id, name)
            for name in (*supernet_record.METHOD_LOGS, supernet_record.SPLITS)
        }
        choices = supernet_record.last(session, job_id, supernet_record.CHOICES)
        look = supernet_record.last(session, job_id, supernet_record.RANKING)
        files = list(artifacts.artifacts(session, job_id))
    panels = curves.panels(series, in_strides=is_live)
    if not panels:
        st.markdown(
            "Here you will see the training of the supernet: losses, learning rate, speed, the "
            "accuracy of its subnets and what the method says of itself. Nothing is told yet."
        )
        return
    if is_live:
        st.caption(_now(series))
    _panels(panels, "curve")
    if choices is not None:
        known = spaces.get(space)
        decisions = known.decisions if known is not None else ()
        _choices(choices.step, trained(choices.content, decisions))
    logs = [curves.method_log(told[name]) for name in supernet_record.METHOD_LOGS]
    heats = [heat for log in logs for heat in log.heats]
    more = [panel for log in logs for panel in log.panels]
    if heats or more or told[supernet_record.SPLITS]:
        st.subheader("What the method says of itself", anchor=False)
        if any(log.is_reconstruction for log in logs):
            st.markdown(RECONSTRUCTED)
    _panels(more, "log")
    _heats(heats)
    _splits(told[supernet_record.SPLITS], space, look)
    _numbers.show("All series as a table", lambda: curves.numbers([*panels, *more]), "numbers")
    _search_files.lines([one for one in files if one.kind == "checkpoint"])


def _now(series: Mapping[str, curves.Series]) -> str:
    """Where the training stands, in words, which change without a flicker."""
    step, values = curves.last_values(series)
    told = [f"{name} **{wording.plain(wording.number(value))}**" for name, value in values.items()]
    return f"Step {step:,}: {', '.join(told)}. The charts follow when they have a twentieth more."


def _panels(panels: Sequence[Panel], key: str) -> None:
    cells = st.columns(NUM_COLUMNS, gap="medium") if panels else []
    for place, panel in enumerate(panels):
        with cells[place % NUM_COLUMNS]:
            st.plotly_chart(
                training_charts.panel_chart(panel),
                key=f"{key}_{panel.key}",
                config=charts.STILL,
                alt=training_charts.panel_alt(panel),
            )
            if panel.about:
                st.caption(wording.plain(panel.about))


def _heats(heats: Sequence[Heat]) -> None:
    for heat in heats:
        st.markdown(f"**{wording.plain(heat.title)}**")
        if heat.about:
            st.caption(wording.plain(heat.about))
        st.plotly_chart(
            training_charts.heat_chart(heat),
            key=f"heat_{heat.title}",
            config=charts.STILL,
            alt=training_charts.heat_alt(heat),
        )


def _choices(step: int, found: Sequence[Trained]) -> None:
    if not found:
        return
    with st.expander(f"How often every choice was trained, up to step {step:,}"):
        st.caption(ranking_charts.trained_alt(found))
        st.plotly_chart(
            ranking_charts.trained_chart(found),
            key="trained_choices",
            config=charts.STILL,
            alt=ranking_charts.trained_alt(found),
        )


def _splits(told: supernet_record.Told, space: str, look: Told | None) -> None:
    known = spaces.get(space)
    levels = split_tree.levels(told)
    if not levels or known is None:
        return
    root = split_tree.tree(levels, known.decisions)
    num = wording.counted(split_tree.num_leaves(root), "member")
    st.markdown(f"**{num}**, split at {_steps([step for step, _ in levels])}")
    drawing = split_tree.drawing(root)
    st.graphviz_chart(
        drawings.dot(drawing, ink(), is_upright=True), width="content", alt=_tree_alt(root)
    )
    last = ranking.looks([(look.step, look.content)] if look is not None else ())
    if last and last[0].step > levels[-1][0]:
        _members(root, last[0])
    _distances(root)


def _members(root: Part, look: Look) -> None:
    """How well each member does, by its own probes."""
    found = ranking.accuracies_in_groups(look)
    rows = [
        (
            wording.plain(f"{number + 1}: {label}"),
            wording.count(len(values)),
            wording.number(sum(values) / len(values)) if values else "-",
        )
        for number, label in enumerate(islice(split_tree.leaves(root), split_tree.MAX_DRAWN))
        for values in [found.get(number, [])]
    ]
    st.markdown(f"**Accuracy of each member** at step {look.step:,}, on held-out images")
    st.markdown(table(("member", "probes", "their mean (%)"), rows))


def _distances(root: Part) -> None:
    """What the splitter measured; those at which it split come first."""
    found = sorted(split_tree.measured(root), key=lambda one: not one[1].is_chosen)
    if not found:
        return
    labels = [
        f"{part}: {one.decision}{' (split here)' if one.is_chosen else ''}" for part, one in found
    ]
    chosen = st.selectbox("Distances between gradients in", labels, key="distances")
    one = found[labels.index(chosen)][1]
    figures = [
        f"{name} {wording.number(value)}"
        for name, value in (("between groups", one.inter), ("within groups", one.intra))
        if value is not None
    ]
    if figures:
        st.caption(f"Of the best partition: {', '.join(figures)}.")
    st.plotly_chart(
        training_charts.distances_chart(one.choices, one.distances_CC),
        key="distances_chart",
        config=charts.STILL,
        alt=training_charts.distances_alt(one.choices, one.distances_CC),
    )


def _tree_alt(root: Part) -> str:
    leaves = ", ".join(part.label for part in root.parts)
    return f"The space, split at {root.decision} into: {leaves}."


def _steps(steps: Sequence[int]) -> str:
    return "step " + ", ".join(wording.count(step) for step in steps)
