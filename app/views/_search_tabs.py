"""Everything else about a search: trials, log, spec, history, statuses. Read only when opened."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from app import cached, charts, front, pages, search_view, states, wording
from app.filters import trial_filter
from app.inheriting import makes_files, uses_supernet
from app.markdown_table import table
from app.measures import Measure
from app.mixtures import Mixture
from app.views import (
    _following,
    _search_control,
    _search_files,
    _search_ranking,
    _search_training,
    _search_what_if,
)
from db import jobs, trial_pages, trials, workers
from db.columns import SCREENED
from db.errors import NotFound
from db.models import Job
from db.session import reading
from db.trials import SCORE_STATUSES, TRIAL_STATES, Columns, TrialFilter, TrialLine
from search.catalogue import Catalogue
from search.errors import SpecError
from search.spaces import spaces
from search.spec import Spec, dump_submission

PER_PAGE = 50
NUM_FAILED = 20
BY_NUMBER = "number"
TABLE = "trials_table"
ROWS = "trials_rows"  # which trials the table had last, and how often its rows have moved


def show(
    job: Job,
    measures: tuple[Measure, ...],
    mixed: tuple[Mixture, ...],
    catalogue: Catalogue,
    interval: int | None,
    first: str | None = None,
) -> None:
    """The lower half of the page.

    Args:
        job: the search.
        measures: its objectives.
        mixed: its aggregates.
        catalogue: what is offered.
        interval: as of the upper half.
        first: the tab that is open unless the address says otherwise; None for the first.
    """
    of_supernet: dict[str, Callable[[], None]] = {
        "training": lambda: _search_training.show(job, interval),
        "ranking": lambda: _search_ranking.show(job, catalogue, interval),
    }
    follow = partial(_following.follow, job, interval)
    contents: dict[str, Callable[[], None]] = {
        "trials": lambda: _trials(job, measures, mixed, interval),
        **(of_supernet if uses_supernet(job.spec) else {}),
        **({"files": lambda: follow(_search_files.show)} if makes_files(job.spec) else {}),
        "control": lambda: _search_control.show(job, measures, catalogue, interval),
        "what if": lambda: _search_what_if.show(job, measures),
        "statuses": lambda: follow(lambda now: _statuses(now, measures)),
        "metrics": lambda: follow(_metrics),
        "log": lambda: follow(_log),
        "spec": lambda: _spec(job),
        "history": lambda: follow(_history),
    }
    tabs = st.tabs(
        list(contents), key="tab", bind="query-params", on_change="rerun", default=first
    )
    for tab, content in zip(tabs, contents.values(), strict=True):
        if tab.open:
            with tab:
                content()


@dataclass(frozen=True)
class _Asked:
    """Which trials the inputs ask for, in which order.

    Attributes:
        place: of the objective they are ordered by; None for their number.
    """

    wanted: TrialFilter
    place: int | None
    descending: bool


def _trials(
    job: Job,
    measures: tuple[Measure, ...],
    mixed: tuple[Mixture, ...],
    interval: int | None,
) -> None:
    """Inputs stand outside what is drawn anew, so that nothing disturbs who types."""
    asked = _asked(measures)
    if asked is not None:
        _following.follow(job, interval, lambda now: _page(now, asked, measures, mixed))


def _asked(measures: tuple[Measure, ...]) -> _Asked | None:
    """The inputs; None, with the reason beside it, when a condition cannot be read."""
    names = [measure.name for measure in measures]
    cells = st.columns((2.2, 3, 1.6, 1.2), vertical_alignment="bottom")
    chosen = cells[0].multiselect(
        "State", list(TRIAL_STATES), key="state", bind="query-params", placeholder="any"
    )
    where = cells[1].text_input(
        "Conditions", key="where", bind="query-params", placeholder="such as nwot>=1200, macs<=1e8"
    )
    sort = cells[2].selectbox("Order by", [BY_NUMBER, *names], key="sort", bind="query-params")
    order = cells[3].selectbox(
        "First",
        ["best", "worst"] if sort != BY_NUMBER else ["lowest", "highest"],
        key=f"order_{sort}",
    )
    try:
        wanted = trial_filter(names, states=chosen, where=where)
    except SpecError as error:
        cells[1].caption(f":red[{wording.plain(next(iter(error.fields.values())))}]")
        return None
    place = None if sort == BY_NUMBER else names.index(sort)
    descending = _descending(order, None if place is None else measures[place])
    return _Asked(wanted, place, descending)


def _page(
    job: Job, asked: _Asked, measures: tuple[Measure, ...], mixed: tuple[Mixture, ...]
) -> None:
    wanted = asked.wanted
    if asked.place is not None and job.num_screened and not wanted.states:
        full = tuple(state for state in TRIAL_STATES if state != SCREENED)
        wanted = replace(wanted, states=full)
    with reading() as session:
        found = trials.trials_page(
            session,
            job.id,
            wanted,
            sort=asked.place,
            descending=asked.descending,
            page=st.session_state.get("page", 1),
            per_page=PER_PAGE,
        )
    if not found.total:
        st.markdown("No trial matches." if job.num_trials else "No trial yet.")
        return
    _table(job, found.rows, measures, mixed)
    num_pages = -(-found.total // PER_PAGE)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(_counted(job, found.total, wanted), width="content")
        if num_pages > 1:
            st.pagination(num_pages, key="page", bind="query-params")
        st.markdown(
            f"[All as CSV](/api/jobs/{job.id}/trials.csv), "
            f"[all as JSON](/api/jobs/{job.id}/trials.json)",
            width="content",
        )


def _counted(job: Job, total: int, wanted: TrialFilter) -> str:
    words = wording.counted(total, "trial")
    if job.num_screened and wanted.states and SCREENED not in wanted.states:
        return f"{words}; {wording.count(job.num_screened)} screened only are not ordered"
    return words


def _descending(order: str, measure: Measure | None) -> bool:
    if measure is None:
        return order == "highest"
    return (order == "best") == (measure.direction == "maximize")


def _table(
    job: Job,
    lines: Sequence[TrialLine],
    measures: Sequence[Measure],
    mixed: tuple[Mixture, ...],
) -> None:
    columns = cached.columns(job.id, job.version, mixed)
    space = spaces.get(job.space)
    key = _table_key(job.id, tuple(line.number for line in lines))
    selected = search_view.read(st.query_params.to_dict(), measures).selected
    rows = [row for row, line in enumerate(lines) if line.number in selected]
    frame = pd.DataFrame(
        {
            "trial": [line.number for line in lines],
            "state": [[line.state] for line in lines],
            **{m.title: [_cell(line, m.place) for line in lines] for m in measures},
            **{m.title: _mixed_cells(lines, m, columns) for m in mixed},
            "architecture": [
                space.encode(line.choices) if space else line.arch_key for line in lines
            ],
            "made from": [", ".join(map(str, line.parents)) for line in lines],
            "when": [line.created_at for line in lines],
        }
    )
    st.dataframe(
        frame,
        key=key,
        hide_index=True,
        height=min(38 + 35 * len(lines), 460),
        column_config={
            "trial": st.column_config.NumberColumn(format="%d", width=70, pinned=True),
            "state": st.column_config.MultiselectColumn(
                options=list(TRIAL_STATES),
                color=["gray", "green", "red", "gray", "gray"],
                width=110,
            ),
            **{
                m.title: st.column_config.TextColumn(
                    alignment="right", width=max(100, min(8 * len(m.title) + 24, 260))
                )
                for m in (*measures, *mixed)
            },
            "architecture": st.column_config.TextColumn(width=320),
            "made from": st.column_config.TextColumn(width=90),
            "when": st.column_config.DatetimeColumn(format="distance", width=130),
        },
        on_select=lambda: _picked(key, lines),
        selection_mode="multi-row",
        selection_default={"selection": {"rows": rows}},
        alt=f"{len(lines)} trials of this search with their scores.",
    )


def _table_key(job_id: int, numbers: tuple[int, ...]) -> str:
    """Another one as soon as a row stands for another trial, for a table marks its rows by place.

    A new table marks what the address has selected; rows that are added below move nothing.
    """
    before, num_moves = st.session_state.get(ROWS, ((), 0))
    has_moved = before != numbers[: len(before)]
    st.session_state[ROWS] = (numbers, num_moves + has_moved)
    return f"{TABLE}_{job_id}_{num_moves + has_moved}"


def _picked(key: str, lines: Sequence[TrialLine]) -> None:
    rows = st.session_state[key].selection.rows
    text = search_view.trials_text(lines[row].number for row in rows if row < len(lines))
    if text:
        st.query_params["trials"] = text
    else:
        st.query_params.pop("trials", None)


def _cell(line: TrialLine, place: int) -> str:
    score = line.scores.get(place)
    if score is None:
        return "" if line.state == SCREENED else "missing"
    if score.value is None:
        return states.STATUS[score.status].label
    return wording.number(score.value)


def _mixed_cells(lines: Sequence[TrialLine], mixed: Mixture, columns: Columns) -> list[str]:
    """A dash where there is no value, or where the trial is newer than the columns."""
    values = front.values_of(columns, mixed, [line.number for line in lines])
    return [wording.number(values.get(line.number)) for line in lines]


def _statuses(job: Job, measures: tuple[Measure, ...]) -> None:
    """How many scores of each status; failures with their cause."""
    columns = cached.columns(job.id, job.version)
    rows = []
    for measure in measures:
        of_measure = columns.statuses[:, measure.place]
        counts = [int(np.count_nonzero(of_measure == code)) for code in range(len(SCORE_STATUSES))]
        recalled = int(np.count_nonzero(columns.from_memory[:, measure.place]))
        rows.append(
            [wording.plain(measure.name), *map(wording.count, counts), wording.count(recalled)]
        )
    heads = [
        "measure",
        *(states.STATUS[name].label for name in SCORE_STATUSES),
        "not measured anew",
    ]
    st.markdown(table(heads, rows))
    has_failed_N = columns.states == TRIAL_STATES.index("failed")
    has_failed_N |= (columns.statuses == SCORE_STATUSES.index("failed")).any(axis=1)
    failed = columns.numbers[has_failed_N]
    if not len(failed):
        return
    with reading() as session:
        lines = trial_pages.some_trials(session, job.id, failed[::-1][:NUM_FAILED].tolist())
    st.markdown(f"**{wording.counted(len(failed), 'failed trial')}**, the latest first")
    for line in lines:
        causes = {str((s.details or {}).get("error", "")) for s in line.scores.values()} - {""}
        which = f"Trial {line.number}{', screened' if line.state == SCREENED else ''}"
        st.markdown(f"{which}: {wording.plain('; '.join(sorted(causes)) or 'no cause given')}")


def _metrics(job: Job) -> None:
    with reading() as session:
        found = trials.metrics(session, job.id)
    if not found:
        st.markdown("This search reports no values of its own beside its trials.")
        return
    cells = st.columns(2)
    for place, (name, series) in enumerate(found.items()):
        steps, values = zip(*series, strict=True)
        cells[place % 2].plotly_chart(
            charts.metric_chart(steps, values, name),
            key=f"metric_{name}",
            config=charts.STILL,
            alt=f"{name} over {len(steps)} steps.",
        )


def _log(job: Job) -> None:
    with reading() as session:
        lines = trials.log_tail(session, job.id, limit=500)
    if not lines:
        st.markdown("Nothing has been told yet.")
        return
    text = "\n".join(f"{line.at:%H:%M:%S}  {line.level:7}  {line.message}" for line in lines)
    st.caption(f"The last {wording.counted(len(lines), 'line')}, times in UTC.")
    st.code(text, language=None, height=360 if len(lines) > 14 else "content", wrap_lines=True)


def _spec(job: Job) -> None:
    text = _yaml(job)
    left, right = st.columns(2)
    with left:
        st.caption("As it was submitted; *Clone* opens it in the form.")
        st.code(text, language="yaml")
    with right:
        if job.cloned_from is not None:
            _difference(job.cloned_from, text)
        if job.environment:
            st.caption("Where it ran:")
            st.json(job.environment, expanded=2)


def _difference(origin: int, text: str) -> None:
    try:
        with reading() as session:
            before = _yaml(jobs.job(session, origin))
    except NotFound:
        st.caption(f"Made from search {origin}, which is gone.")
        return
    pages.link("search", f"Made from search {origin}", icon=":material/content_copy:", id=origin)
    changes = difflib.unified_diff(
        before.splitlines(), text.splitlines(), f"search {origin}", "this one", lineterm="", n=1
    )
    st.code("\n".join(changes) or "No difference.", language="diff")


def _yaml(job: Job) -> str:
    return dump_submission(Spec.model_validate(job.spec))


def _history(job: Job) -> None:
    with reading() as session:
        steps = jobs.history(session, job.id)
        hosts = workers.hosts(session, {step.actor for step in steps})
    now = datetime.now(UTC)
    rows = [
        (
            states.JOB[step.state].markdown,
            wording.hoverable(step.at, now),
            f"worker on {wording.plain(host)}"
            if (host := hosts.get(step.actor))
            else wording.plain(step.actor),
            wording.plain(step.reason),
        )
        for step in steps
    ]
    st.markdown(table(("state", "when", "by", "why"), rows, num_left=4), unsafe_allow_html=True)
