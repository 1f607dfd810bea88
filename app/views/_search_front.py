"""The front of a search with all that explains it: selection, hypervolume, constraints."""

from collections.abc import Mapping, Sequence

import numpy as np
import streamlit as st

from app import cached, charts, front, mixtures, search_view, wording
from app.charts import Limit
from app.front import Picture, Points
from app.measures import Measure, default_axes
from app.mixtures import Mixture
from app.search_view import Limits, SearchView
from app.views import _search_check, _search_selected
from db.trials import Columns

CHART = "front_chart"
NONE = "none"
NUM_STOPS = 40
SQUEEZED = 1000
TOGETHER = charts.FRONT_HEIGHT + 74


def show(job_id: int, measures: tuple[Measure, ...], interval: int | None) -> None:
    """The upper half of the page; drawn again only when the job has changed."""
    x, y, colour, logarithmic = _axes(
        measures, is_live=interval is not None or "live" in st.query_params
    )
    explore = st.fragment(_explore, run_every=max(interval, 3) if interval else None)
    explore(job_id, measures, x, y, colour, logarithmic)


def _axes(
    measures: tuple[Measure, ...], *, is_live: bool
) -> tuple[Measure, Measure, Measure | None, frozenset[str]]:
    """The choice of axes, colour and scale; all of it is in the address."""
    names = [measure.name for measure in measures]
    by_name = {measure.name: measure for measure in measures}
    across, upwards = default_axes(measures)
    widths = (2, 2, 2, 2.2, 1.2) if is_live else (2, 2, 2, 2.2)
    cells = st.columns(widths, vertical_alignment="bottom")
    if is_live:
        cells[4].selectbox(
            "Live", ["2 s", "5 s", "10 s", "30 s", "off"], key="live", bind="query-params"
        )
    if len(names) == 1:  # there is nothing to choose
        return across, upwards, None, frozenset()
    x = cells[0].selectbox("Across", names, index=across.place, key="x", bind="query-params")
    y = cells[1].selectbox("Upwards", names, index=upwards.place, key="y", bind="query-params")
    others = [NONE, *(name for name in names if name not in (x, y))]
    is_front = x != y
    colour = cells[2].selectbox(
        "Colour", others, key="colour", bind="query-params", disabled=not is_front
    )
    scales = cells[3].pills(
        "Logarithmic",
        ["x", "y"],
        selection_mode="multi",
        key="log",
        bind="query-params",
        disabled=not is_front,
    )
    return by_name[x], by_name[y], by_name.get(colour), frozenset(scales)


def _explore(
    job_id: int,
    measures: tuple[Measure, ...],
    x: Measure,
    y: Measure,
    colour: Measure | None,
    logarithmic: frozenset[str],
) -> None:
    version = cached.version_of(job_id)
    mixed = tuple(one for one in measures if isinstance(one, Mixture))
    columns = cached.columns(job_id, version, mixed)
    view = search_view.read(st.query_params.to_dict(), measures)
    if x.place == y.place:
        _one_measure(job_id, columns, x, measures, view.selected)
        return
    found = cached.front_of(job_id, version, x, y, mixed)
    shown = cached.picture_of(
        job_id, version, found, colour=colour, box=view.box, logarithmic=logarithmic, mixed=mixed
    )
    left, right = st.columns((2.15, 1), gap="medium")
    with left:
        chosen = front.points_of(columns, found, view.selected) if len(columns) else None
        _chart(job_id, columns, shown, chosen, view, measures)
        _mixed_over(columns, mixed)
    with right, st.container(border=True, height=TOGETHER, key="selected"):
        _search_selected.show(job_id, columns, measures, view.selected, knee_row=found.knee_row)
    left, right = st.columns((2.15, 1), gap="medium")
    with left, st.container(border=True, height=charts.SMALL_HEIGHT + 78):
        _hypervolume(job_id, version, (x, y), view, mixed)
    with (
        right,
        st.container(border=True, height=charts.SMALL_HEIGHT + 78, gap="xsmall", key="limits"),
    ):
        _constraints(columns, measures, y, view)


def _chart(
    job_id: int,
    columns: Columns,
    shown: Picture,
    chosen: Points | None,
    view: SearchView,
    measures: Sequence[Measure],
) -> None:
    with st.container(border=True, height=TOGETHER, gap=None):
        if not shown.num_trials:
            st.markdown(_nothing_yet(shown))
            return
        st.plotly_chart(
            charts.front_chart(shown, chosen, _lines(view.limits, measures)),
            key=CHART,
            on_select=_react,
            selection_mode=("points", "box", "lasso"),
            config=charts.CONFIG,
            alt=charts.front_alt(shown),
        )
        with st.container(horizontal=True, vertical_alignment="center", height=40, border=False):
            total = wording.counted(shown.num_trials, "trial")
            drawn = f"{wording.count(len(shown.front))} of {total} on the front"
            has_old = any(part.from_memory_K.any() for part in (shown.front, shown.dominated))
            hollow = "; hollow: from memory" if has_old else ""
            said = f"{drawn}{hollow}{_screened(shown)}{_squeezed(shown)}"
            st.caption(said, width="content")
            _search_check.show(
                job_id, columns, shown.y, shown.front.numbers_K.tolist(), view.selected
            )
            if view.box is not None:
                st.button(
                    "Show everything",
                    icon=":material/zoom_out_map:",
                    type="tertiary",
                    on_click=_widen,
                )


def _nothing_yet(shown: Picture) -> str:
    if shown.num_screened:
        num = wording.counted(shown.num_screened, "architecture")
        return f"{num} screened so far. The front begins with the first one looked at in full."
    return "Architectures will appear here as soon as the first has been looked at."


def _screened(shown: Picture) -> str:
    """Why trials that were screened only are faint, or not to be seen."""
    if not shown.num_screened:
        return ""
    num = wording.count(shown.num_screened)
    if len(shown.screened):
        return f"; {num} screened only, faint"
    return f"; {num} screened only: not drawn, for they were not scored for both"


def _squeezed(shown: Picture) -> str:
    """Names axes with most points at their end, because some are a thousand times as large."""
    axes = []
    parts = (shown.front, shown.dominated)
    for letter in {"x", "y"} - shown.logarithmic:
        values = np.concatenate([part.x_K if letter == "x" else part.y_K for part in parts])
        if len(values) and 0 < SQUEEZED * np.median(values) < values.max():
            axes.append(letter)
    where = " and ".join(sorted(axes))
    return f"; most points are at the end of {where}: try *Logarithmic*" if axes else ""


def _mixed_over(columns: Columns, mixed: Sequence[Mixture]) -> None:
    """Aggregates are ranks within this search: say within how many."""
    for one in mixed:
        num = wording.counted(mixtures.num_archs(columns, one), "architecture")
        parts = ", ".join(wording.plain(part.component) for part in one.parts)
        st.caption(
            f":material/functions: **{wording.plain(one.name)}** of {parts}, over {num} of this "
            "search; it changes as the search grows. Undefined scores rank last."
        )


def _react() -> None:
    """A box becomes the range; points become the selection; a click beside them clears it."""
    chosen = st.session_state[CHART].selection
    if chosen.box:
        box = chosen.box[0]
        ends = (*sorted(box["x"]), *sorted(box["y"]))
        st.query_params["range"] = search_view.numbers_text(ends)
        return
    numbers = [_number(point) for point in chosen.points]
    clicked = [number for number in numbers if number is not None]
    if st.session_state.get(_search_selected.SEVERAL):
        clicked = _search_selected.toggled(clicked)
    _search_selected.select(clicked)


def _number(point: Mapping[str, object]) -> int | None:
    found = point.get("customdata")
    found = found[0] if isinstance(found, list) and found else found
    return int(found) if isinstance(found, int | float) else None


def _widen() -> None:
    st.query_params.pop("range", None)


def _lines(limits: Limits, measures: Sequence[Measure]) -> list[Limit]:
    return [
        Limit(measures[place], bound)
        for place, (low, high) in limits.items()
        if (bound := low if high is None else high) is not None
    ]


def _one_measure(
    job_id: int,
    columns: Columns,
    measure: Measure,
    measures: Sequence[Measure],
    selected: tuple[int, ...],
) -> None:
    """One measure on both axes has no front: the best so far instead."""
    found = front.best_so_far(columns, measure)
    left, right = st.columns((2.15, 1), gap="medium")
    with left, st.container(border=True, height=TOGETHER, gap=None):
        if found.best is None:
            st.markdown("Values will appear here as soon as the first trial has one.")
        else:
            st.plotly_chart(
                charts.best_chart(found, measure, front.values_of(columns, measure, selected)),
                key=CHART,
                on_select=_react,
                selection_mode="points",
                config=charts.CONFIG,
                alt=f"Best {measure.title} over trials, {measure.wish}.",
            )
            _search_check.show(job_id, columns, measure, [], selected)
    with right, st.container(border=True, height=TOGETHER, key="selected"):
        _search_selected.show(job_id, columns, measures, selected, best=found.best)


def _hypervolume(
    job_id: int,
    version: int,
    axes: tuple[Measure, Measure],
    view: SearchView,
    mixed: tuple[Mixture, ...],
) -> None:
    curve = cached.curve_of(job_id, version, axes, view.reference, mixed)
    if curve is None:
        st.markdown("**Hypervolume** appears with the first feasible trial.")
        return
    head, edit = st.columns((4, 1.3), vertical_alignment="center")
    point = ", ".join(
        f"{wording.plain(m.name)} {wording.plain(wording.number(value))}"
        for m, value in zip(axes, curve.reference, strict=True)
    )
    origin = "default" if view.reference is None else "chosen"
    head.markdown(
        f"**Hypervolume {wording.plain(wording.number(curve.last))}** "
        f":gray[over the reference point {point} ({origin})]"
    )
    with edit, st.popover("Reference", icon=":material/tune:", width="stretch"):
        _edit_reference(axes, curve.reference)
    st.plotly_chart(
        charts.hypervolume_chart(curve),
        key="hypervolume",
        config=charts.STILL,
        alt=charts.hypervolume_alt(curve),
    )


def _edit_reference(axes: tuple[Measure, Measure], reference: tuple[float, ...]) -> None:
    st.caption("Trials that are worse than this in either measure do not count.")
    with st.form("reference", border=False):
        values = [
            st.number_input(measure.title, value=value, format="%.6g", key=f"ref{measure.place}")
            for measure, value in zip(axes, reference, strict=True)
        ]
        apply, default = st.columns(2)
        if apply.form_submit_button("Apply", type="primary", width="stretch"):
            st.query_params["ref"] = search_view.numbers_text(values)
            st.rerun(scope="fragment")
        if default.form_submit_button("Default", width="stretch"):
            st.query_params.pop("ref", None)
            st.rerun(scope="fragment")


def _constraints(
    columns: Columns, measures: Sequence[Measure], y: Measure, view: SearchView
) -> None:
    """What is best among the trials that meet all limits, and a slider for each limit."""
    if columns.is_screened.all():
        st.markdown("**Limits** appear with the first trial.")
        return
    answer = st.container(horizontal=True, vertical_alignment="center", gap="small")
    asked = {m.place: limit for m in measures if (limit := _slider(columns, m, view.limits))}
    left = front.meeting(columns, asked, y)
    total = wording.counted(int(np.count_nonzero(~columns.is_screened)), "trial")
    if left.best is None or left.value is None:
        answer.markdown(f"**None** of {total} meets all limits. Loosen one.")
    else:
        meet = "meet all limits" if any(asked.values()) else "are feasible and scored"
        answer.markdown(
            f"**{wording.count(left.num)}** of {total} {meet}; "
            f"best {wording.plain(y.name)} **{wording.plain(wording.number(left.value))}**",
            width="content",
        )
        answer.button(
            f"Trial {left.best}",
            icon=":material/my_location:",
            type="tertiary",
            key="select_best",
            on_click=_select,
            args=(left.best,),
        )
    if dict(asked) != dict(view.limits):
        text = search_view.limits_text(asked, measures)
        if text:
            st.query_params["limits"] = text
        else:
            st.query_params.pop("limits", None)
        if text != search_view.limits_text(view.limits, measures):
            st.rerun()


def _slider(
    columns: Columns, measure: Measure, limits: Limits
) -> tuple[float | None, float | None] | None:
    stops = _stops(columns.values[:, measure.place])
    if len(stops) < 2:
        return None
    is_upper = measure.direction == "minimize"
    held = limits.get(measure.place, (None, None))[1 if is_upper else 0]
    free = len(stops) - 1 if is_upper else 0
    nearest = free if held is None else int(np.argmin(np.abs(stops - held)))
    place = st.select_slider(
        f"{wording.plain(measure.title)}: at {'most' if is_upper else 'least'}",
        options=list(range(len(stops))),
        value=nearest,
        format_func=lambda stop: "any" if stop == free else wording.number(float(stops[stop])),
    )
    if place == free:
        return None
    if place == nearest and held is not None:
        return search_view.limit(measure, held)
    return search_view.limit(measure, float(stops[place]))


def _stops(values_N: np.ndarray) -> np.ndarray:
    """Quantiles of what was found, so that they are useful at any scale."""
    known = values_N[np.isfinite(values_N)]
    shares = np.linspace(0, 1, NUM_STOPS + 1)
    return np.unique(np.quantile(known, shares)) if len(known) else known


def _select(number: int) -> None:
    st.query_params["trials"] = str(number)
