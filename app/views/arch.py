"""One architecture: what it is, how good, what is near it, who found it, how to take it away."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import streamlit as st

from app import cached, export, pages, states, team, wording
from app.inheriting import uses_supernet
from app.markdown_table import table
from app.measures import Measure, measures_of
from app.views import _drawing, _take_further
from db import jobs, trials
from db.columns import SCREENED
from db.errors import NotFound
from db.memory import Meeting
from db.models import Arch, Job
from db.session import reading
from db.trials import KnownScore, Standing
from search.errors import DataError
from search.spaces import Space, spaces

MAX_NEIGHBOURS = 60
MAX_SEARCHES = 12


@dataclass(frozen=True)
class Known:
    """All that the record has of one architecture."""

    arch: Arch
    scores: tuple[KnownScore, ...]
    meetings: tuple[Meeting, ...]
    jobs: dict[int, Job]
    provenance: dict[str, dict[str, object]]


def show() -> None:
    """The page."""
    known = _known(st.query_params.get("id", ""))
    if known is None:
        return
    space = spaces.get(known.arch.space)
    choices = tuple(known.arch.choices)
    drawing = space.drawing(choices) if space else None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        caption = drawing.caption if drawing else known.arch.id
        if " " in caption:  # words; a text form stands as it is
            caption = caption[:1].upper() + caption[1:]
        st.title(wording.plain(caption), anchor=False, width="content")
        st.badge(wording.plain(known.arch.space), icon=":material/grid_view:", color="gray")
    st.code(space.encode(choices) if space else known.arch.key, language=None, wrap_lines=True)
    left, right = st.columns((1, 1.35), gap="large")
    with left:
        if drawing is not None:
            with st.container(border=True):
                _drawing.show(drawing, height=230)
        _exports(known)
        _found_by(known)
    with right:
        _scores(known)
        _standing(known)
    if space is not None:
        _neighbours(known, space)


def _known(arch_id: str) -> Known | None:
    try:
        with reading() as session:
            arch = trials.arch(session, arch_id)
            scores = tuple(trials.scores_of_arch(session, arch_id))
            meetings = tuple(trials.jobs_of_arch(session, arch_id))
            ids = list(dict.fromkeys(meeting.job_id for meeting in meetings))[:MAX_SEARCHES]
            found = {job_id: jobs.job(session, job_id) for job_id in ids}
            under = {score.provenance_id for score in scores if score.provenance_id}
            return Known(arch, scores, meetings, found, trials.provenance(session, under))
    except NotFound:
        st.title("No such architecture", anchor=False)
        st.markdown(
            f"Nobody has looked at an architecture {wording.plain(arch_id) or 'without an id'} "
            "here. Choose one from the front of a search."
        )
        pages.link("searches", "All searches", icon=":material/list:")
        return None


def _scores(known: Known) -> None:
    """Grouped by kind, because kinds are never comparable; the newest of each measure."""
    st.subheader("Scores", anchor=False)
    kinds = list(dict.fromkeys(score.kind for score in known.scores))
    for kind in kinds:
        st.markdown(f"**{states.KIND.get(kind, kind)}**")
        newest: dict[tuple[str, int], KnownScore] = {}
        for score in known.scores:
            if score.kind == kind:
                newest.setdefault((score.objective, score.job_id), score)
        rows = [_score_row(score, known) for score in list(newest.values())[:20]]
        st.markdown(table(("measure", "status", "value", "search", "took"), rows, num_left=2))
    if known.provenance:
        with st.popover("Provenance", icon=":material/receipt_long:"):
            for content in known.provenance.values():
                st.json(content, expanded=2)


def _score_row(score: KnownScore, known: Known) -> tuple[str, ...]:
    measure = _measure(known, score.job_id, score.objective)
    look = states.STATUS[score.status]
    name = measure.title if measure else score.objective
    note = f" ({measure.note})" if measure and measure.note else ""
    value = "-" if score.value is None else wording.number(score.value)
    spent = "from memory" if score.from_memory else wording.duration(score.seconds)
    return (
        wording.plain(name + note),
        look.markdown,
        wording.plain(value),
        f"\\#{score.job_id}, trial {score.number}",
        spent,
    )


def _measure(known: Known, job_id: int, name: str) -> Measure | None:
    job = known.jobs.get(job_id)
    measures = measures_of(job.spec, cached.offered()) if job else ()
    return next((measure for measure in measures if measure.name == name), None)


def _standing(known: Known) -> None:
    """Where it stands in the newest search that looked at it in full."""
    screened = {(m.job_id, m.number) for m in known.meetings if m.state == SCREENED}
    full = [score for score in known.scores if (score.job_id, score.number) not in screened]
    job_id = next((score.job_id for score in full if score.job_id in known.jobs), None)
    if job_id is None:
        return
    scores = {s.objective: s for s in full if s.job_id == job_id and s.value is not None}
    rows = []
    for measure in measures_of(known.jobs[job_id].spec, cached.offered()):
        score = scores.get(measure.name)
        if score is not None and score.value is not None:
            with reading() as session:
                found = trials.standing(session, job_id, measure.place, score.value)
            rows.append((measure, score.value, found))
    if not rows:
        return
    st.subheader("Where it stands", anchor=False)
    name = wording.plain(wording.shortened(known.jobs[job_id].name, 40))
    st.caption(f"Among the trials of {name}")
    for measure, value, found in rows:
        share = share_beaten(measure, found)
        told = wording.share(share)
        total = wording.count(found.below + found.equal + found.above)
        st.progress(
            share,
            text=f"{wording.plain(measure.title)} **{wording.plain(wording.number(value))}**: "
            + (f"the best of {total}" if share == 1 else f"better than {told} of {total}"),
        )


def share_beaten(measure: Measure, found: Standing) -> float:
    """The share of values that are worse; equal ones count half."""
    worse = found.above if measure.direction == "minimize" else found.below
    total = found.below + found.equal + found.above
    return (worse + (found.equal - 1) / 2) / max(total - 1, 1) if total > 1 else 1.0


def _exports(known: Known) -> None:
    with st.container(horizontal=True, gap="xsmall"):
        st.download_button(
            "Genotype (JSON)",
            data=lambda: json.dumps(export.genotype(known.arch), indent=2),
            file_name=f"{known.arch.id}.json",
            mime="application/json",
            icon=":material/download:",
            on_click="ignore",
        )
        code = _code(known)
        if code is not None:
            st.download_button(
                "PyTorch code",
                data=code,
                file_name=f"{known.arch.space}_{known.arch.id}.py",
                mime="text/x-python",
                icon=":material/code:",
                on_click="ignore",
            )
    if code is None:
        st.caption("PyTorch code needs a living worker that knows the shape of the data's images.")


def _code(known: Known) -> str | None:
    builder = next(iter(known.jobs.values()), None)
    if builder is None:
        return None
    try:
        return export.network_code(known.arch, builder, cached.offered())
    except DataError:
        return None


def _found_by(known: Known) -> None:
    st.subheader("Found by", anchor=False)
    now = datetime.now(UTC)
    for place, meeting in enumerate(known.meetings[:MAX_SEARCHES]):
        job = known.jobs.get(meeting.job_id)
        when = f", {wording.ago(job.created_at, now)}" if job else ""
        with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
            pages.link(
                "search",
                f":gray[\\#{meeting.job_id}] "
                f"{wording.plain(wording.shortened(meeting.job_name, 40))}",
                id=meeting.job_id,
                trials=meeting.number,
            )
            st.caption(f"trial {meeting.number}{when}", width="content")
            if job is not None and uses_supernet(job.spec):
                _take_further.show(job.id, [meeting.number], f"further{place}")
    if len(known.meetings) > MAX_SEARCHES:
        st.caption(f"and {len(known.meetings) - MAX_SEARCHES} times more")


def _neighbours(known: Known, space: Space) -> None:
    """Everything one edit away, with what is known of it under the same settings."""
    here = tuple(known.arch.choices)
    near = space.neighbours(here)
    ids = [trials.arch_id(known.arch.space, space.key(arch)) for arch in near]
    own: dict[str, KnownScore] = {}
    for score in sorted(known.scores, key=lambda score: score.value is None):
        if score.job_id in known.jobs:
            own.setdefault(score.objective, score)
    with reading() as session:
        scores = trials.scores_of_archs(session, ids)
        others = {score.job_id for score in scores} - known.jobs.keys()
        found = known.jobs | {job_id: jobs.job(session, job_id) for job_id in others}
    meant = {job_id: _meanings(job) for job_id, job in found.items()}
    values: dict[str, dict[str, float]] = {score.arch_id: {} for score in scores}
    for score in scores:
        name, mine = score.objective, own.get(score.objective)
        if score.value is None or mine is None:
            continue
        if meant[score.job_id].get(name) == meant[mine.job_id].get(name):
            values[score.arch_id].setdefault(name, score.value)
    st.subheader(
        f"Neighbours by one edit: {wording.count(len(values))} of {wording.count(len(near))} "
        f"{'is' if len(values) == 1 else 'are'} known",
        anchor=False,
    )
    names = list(dict.fromkeys(score.objective for score in known.scores))[:6]
    edits = [space.edit(here, arch) for arch in near]
    here_too = {name: score.value for name, score in own.items()}
    _neighbour_rows(list(zip(ids, edits, strict=True)), values, here_too, names)


def _meanings(job: Job) -> dict[str, tuple[str, ...]]:
    """What the values of each objective of a search depend on."""
    return {one.name: team.meaning(job, one) for one in measures_of(job.spec, cached.offered())}


def _neighbour_rows(
    near: Sequence[tuple[str, str]],
    values: dict[str, dict[str, float]],
    own: dict[str, float | None],
    names: Sequence[str],
) -> None:
    known = [(arch_id, edit) for arch_id, edit in near if arch_id in values]
    unknown = [edit for arch_id, edit in near if arch_id not in values]
    widths = (4, *(1.4 for _ in names))
    with st.container(key="job_rows", gap="xxsmall"):
        if known:
            for cell, head in zip(st.columns(widths), ("Edit", *names), strict=True):
                cell.caption(f"**{wording.plain(head)}**")
        for arch_id, edit in known[:MAX_NEIGHBOURS]:
            cells = st.columns(widths, vertical_alignment="center")
            with cells[0]:
                pages.link("arch", wording.plain(edit), id=arch_id)
            for cell, name in zip(cells[1:], names, strict=True):
                cell.markdown(_compared(values[arch_id].get(name), own.get(name)))
    if unknown:
        with st.expander(
            f"{wording.counted(len(unknown), 'neighbour')} that nobody has looked at"
        ):
            st.markdown("\n".join(f"- {wording.plain(edit)}" for edit in unknown[:MAX_NEIGHBOURS]))
            if len(unknown) > MAX_NEIGHBOURS:
                st.caption(f"and {wording.count(len(unknown) - MAX_NEIGHBOURS)} more")


def _compared(value: float | None, own: float | None) -> str:
    if value is None:
        return "\\-"
    text = wording.plain(wording.number(value))
    if own is None or own == 0:
        return text
    return f"{text} :gray[:small[{wording.plain(f'{(value - own) / abs(own) * 100:+.1f} %')}]]"
