"""Is the ranking to be trusted? What inherited accuracies of the probes are worth, in figures."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from app import (
    charts,
    other_data,
    pages,
    ranking,
    ranking_truths,
    states,
    supernet_record,
    surpassing,
    wording,
)
from app.charts import ranking as drawn
from app.markdown_table import table
from app.measures import measures_of
from app.picked import Picked, picked
from app.ranking import Agreed, InGroup, Look, Truth
from app.ranking_truths import Known
from app.surpassing import Pick
from app.views import _following, _numbers, _other_data, _search_stability, _surpassing
from db import jobs
from db.models import Job
from db.session import database_url, reading
from search.catalogue import Catalogue
from search.correlation import Estimate
from search.spaces import spaces

LEAST_S = 10
TTL_S = 15.0
NUM_HELD = 32
# Known even while no worker is there to say what they are; fine-tuned accuracies are others.
INHERITED = ("supernet_validation_accuracy", "supernet_accuracy")
TOPS = (1, 3)  # probes of the highest inherited accuracy, whose true ranks are told
FEW = 10  # probes, below which intervals are wide whatever comes out


def show(job: Job, catalogue: Catalogue, interval: int | None) -> None:
    """The tab. While the training goes on it looks again, but seldom.

    Args:
        job: that uses a supernet.
        catalogue: has the benchmarks, and the units.
        interval: seconds between two looks at the record; None for none.
    """
    st.fragment(_draw, run_every=_following.every(job, interval, LEAST_S))(job.id, catalogue)


def _draw(job_id: int, catalogue: Catalogue) -> None:
    st.subheader("Is the ranking to be trusted?", anchor=False)
    with reading() as session:
        job = jobs.job(session, job_id)
        trainer = supernet_record.trainer_of(session, job)
        found = supernet_record.looks(session, trainer.id) if trainer is not None else ()
        others = supernet_record.other_seeds(session, trainer) if trainer is not None else []
        runs = [supernet_record.looks(session, other.id) for other in others]
        last = trainer and supernet_record.last(session, trainer.id, supernet_record.CHOICES)
    if trainer is None or not found:
        st.markdown(_nothing(trainer))
        return
    own = _own_pick(job, catalogue)
    archs = tuple(dict.fromkeys([*found[-1].values, *([own[1].arch] if own else ())]))
    known = _known(database_url(), job.space, archs, catalogue)
    _against_truth(job, found, known, own)
    _search_stability.show(found, [run for run in runs if run])
    if last:
        space = spaces.get(job.space)
        choices = ranking.trained(last.content, space.decisions if space else ())
        with st.container(border=True):
            st.markdown(f"**How often each choice was trained**, up to step {last.step:,}")
            if choices:
                st.caption(drawn.trained_alt(choices))
                st.plotly_chart(
                    drawn.trained_chart(choices),
                    key="ranking_choices",
                    config=charts.STILL,
                    alt=drawn.trained_alt(choices),
                )


def _own_pick(job: Job, catalogue: Catalogue) -> tuple[str, Picked] | None:
    """The best trial of the search by inherited accuracy, and the name of that measure."""
    for measure in measures_of(job.spec, catalogue):
        is_known = catalogue.plugin("inherited", measure.metric) is not None
        if (is_known or measure.metric in INHERITED) and (found := picked(job, measure)):
            return measure.name, found
    return None


def _nothing(trainer: Job | None) -> str:
    if trainer is None:
        return supernet_record.NO_TRAINER
    use = trainer.spec.get("supernet") or {}
    if not use.get("probes", 16):
        return (
            "This supernet was trained without probes, so that nothing is known of its ranking. "
            "*Clone* the search and ask for probes: they stand below the recipe's parameters."
        )
    if trainer.state in states.IN_MOTION:
        return (
            "Here you will see how far inherited accuracies can be believed. The supernet has "
            "not been looked at yet; the first look comes while it is trained."
        )
    return "This supernet was never looked at: its training did not come that far."


def _against_truth(
    job: Job, found: Sequence[Look], known: Known, own: tuple[str, Picked] | None
) -> None:
    usable = [one for one in known.truths if _num_probes(one, found) > 1]
    if not usable:
        _no_truth(job, found[-1], known)
        return
    titles = [f"{one.title}: {_num_probes(one, found)} probes" for one in usable]
    left, right = st.columns((3, 1.3), vertical_alignment="bottom")
    title = left.selectbox(
        "Held against",
        titles,
        key="truth",
        help="A benchmark of the space, or what the team has trained alone. Seeds of a training "
        "are pooled; other settings are other truths.",
    )
    with right:
        _train_link(job, "Train these probes alone")
    truth = usable[titles.index(title)]
    if truth.kind == ranking_truths.TABLE:
        _other_data.warn(truth.name, truth.dataset, other_data.looked_at([job]))
    over = _over_training(database_url(), job.id, tuple(found), truth)
    if not over:
        _no_truth(job, found[-1], known)
        return
    baselines = {
        one.name: ranking.baseline_tau(one, truth, found[-1].values) for one in known.baselines
    }
    _verdict(over[-1], truth, {n: tau for n, (tau, _) in baselines.items() if tau is not None})
    _figures(over[-1], baselines, _at_the_end(found, over, truth))
    _groups(ranking.in_groups(found[-1], truth))
    _picks(over[-1], truth, own)
    left, right = st.columns((1.5, 1), gap="medium")
    taus = {name: tau for name, (tau, _) in baselines.items() if tau is not None}
    with left, st.container(border=True):
        st.markdown("**Agreement over training**; bars hold 95 % of bootstrap resamples")
        st.plotly_chart(
            drawn.trust_chart(over, taus),
            key="trust",
            config=charts.STILL,
            alt=drawn.trust_alt(over, truth),
        )
    with right, st.container(border=True):
        st.markdown(f"**The probes at step {found[-1].step:,}**")
        st.plotly_chart(
            drawn.inherited_chart(found[-1], truth),
            key="inherited",
            config=charts.STILL,
            alt=f"Inherited accuracy of {over[-1].num_common} probes against {truth.name}.",
        )
    _numbers.show("Agreement, look by look", lambda: _by_look(over), "numbers_looks")
    _numbers.show("The probes, one by one", lambda: _by_probe(found[-1], truth), "numbers_probes")


def _by_look(over: Sequence[Agreed]) -> dict[str, list[object]]:
    return {
        "step": [one.step for one in over],
        "Kendall tau-b": [one.kendall.value for one in over],
        "at least": [one.kendall.low for one in over],
        "at most": [one.kendall.high for one in over],
        "Spearman": [one.spearman.value for one in over],
        "sparse tau": [one.sparse for one in over],
        "true rank of the best probe": [one.pick.rank for one in over],
        "probes": [one.num_common for one in over],
    }


def _by_probe(look: Look, truth: Truth) -> dict[str, list[object]]:
    archs = sorted(look.values, key=lambda arch: -look.values[arch])
    ranks: list[object] = [
        None if (pick := truth.pick(arch)) is None else pick.rank for arch in archs
    ]
    return {
        "architecture": list(archs),
        "inherited accuracy (%)": [look.values[arch] for arch in archs],
        wording.titled(truth.name, truth.unit): [truth.values.get(arch) for arch in archs],
        "true rank": ranks,
        "steps since it was trained": [look.steps_ago.get(arch) for arch in archs],
    }


def _num_probes(truth: Truth, found: Sequence[Look]) -> int:
    return sum(arch in truth.values for arch in found[-1].values)


def _picks(last: Agreed, truth: Truth, own: tuple[str, Picked] | None) -> None:
    """What choosing by inherited accuracy is worth: of the probes, and of the search."""
    picks: list[tuple[str, Pick | None]] = [
        (f"the best of {last.num_common} probes by inherited accuracy", last.pick)
    ]
    rest = ""
    if own is not None:
        measure, found = own
        picks.insert(
            0, (f"trial {found.trial}: best {measure} of this search", truth.pick(found.arch))
        )
    else:
        rest = " The search's own pick appears when it has a trial with inherited accuracy."
    with st.container(border=True):
        st.markdown(f"**{surpassing.NAME}**, of choosing by inherited accuracy.{rest}")
        _surpassing.show(picks, truth.name)


def _no_truth(job: Job, look: Look, known: Known) -> None:
    one = next((truth for truth in known.truths if _num_probes(truth, [look])), None)
    has = "one probe has" if one is not None else "none of the probes has"
    st.info(
        f"The supernet was looked at with {wording.counted(len(look.values), 'probe')}, but {has} "
        "an accuracy in an imported benchmark or from a training alone. At least two are needed "
        "to compare rankings.",
        icon=":material/info:",
    )
    _train_link(job, "Train these probes alone")


def _train_link(job: Job, label: str) -> None:
    pages.link("new", label, icon=":material/fitness_center:", probes=job.id)


def _verdict(last: Agreed, truth: Truth, baselines: dict[str, float]) -> None:
    st.markdown(verdict(last, truth, baselines))


def verdict(last: Agreed, truth: Truth, baselines: dict[str, float]) -> str:
    """What the last look comes to, in a sentence; Markdown."""
    tau = last.kendall
    if tau.value is None:
        return f"Nothing can be said: {wording.plain(tau.reason)}."
    name = max(baselines, key=lambda one: baselines[one], default="")
    best = max(baselines.values(), default=0.0)
    than = f"counting {name}" if best > 0 else "chance"
    low, high = tau.low, tau.high
    if low is None or high is None:
        told = "there are too few probes for an interval"
    elif low > max(best, 0):
        told = f"it ranks better than {than}"
    elif high < max(best, 0):
        told = f"it ranks worse than {than}"
    else:
        told = f"it cannot be told from {than}"
    few = f" With {last.num_common} probes the interval is wide." if last.num_common < FEW else ""
    return wording.plain(
        f"After step {last.step:,} inherited accuracy agrees with {truth.name} with tau-b "
        f"{tau.value:.2f}: {told}.{few}"
    )


def _at_the_end(
    found: Sequence[Look], over: Sequence[Agreed], truth: Truth
) -> list[tuple[str, str, str]]:
    """Rows of what several looks at the end say together: the mean of tau, and top-k ranks."""
    looks = ranking.window(found)
    steps = {look.step for look in looks}
    taus = [
        one.kendall.value for one in over if one.step in steps and one.kendall.value is not None
    ]
    num = wording.counted(len(looks), "look")
    rows = []
    if len(taus) > 1:
        told = f"{_signed(float(np.mean(taus)))} :gray[({min(taus):.3f} to {max(taus):.3f})]"
        rows.append(("Kendall at the end", told, f"mean and range over the last {num}"))
    for k in TOPS:
        picks = [pick for look in looks if (pick := ranking.best_of_top(look, truth, k))]
        if picks and over[-1].num_common > k:
            ranks = [pick.rank for pick in picks]
            told = f"**{ranks[-1]:,}** :gray[({min(ranks):,} to {max(ranks):,})]"
            which = "of the best probe" if k == 1 else f"of the best among the top {k} probes"
            note = f"true rank of {picks[-1].num_known:,}, {which} by inherited accuracy; "
            rows.append((f"Top {k}", told, f"{note}range over the last {num}"))
    return rows


def _groups(found: Sequence[InGroup]) -> None:
    """Agreement within groups of probes that share weights."""
    if not found:
        return
    num = sum(one.num_probes for one in found)
    with st.expander(f"Within groups that share weights: {len(found)} groups, {num} probes"):
        st.caption(
            "Architectures of one group share weights, or those that the recipe lets them share; "
            "few probes of a group say little."
        )
        rows = [
            (
                f"group {one.group + 1}",
                wording.count(one.num_probes),
                "-" if one.tau is None else _signed(one.tau),
            )
            for one in found
        ]
        st.markdown(table(("group", "probes", "Kendall tau-b"), rows))


def _figures(
    last: Agreed,
    baselines: dict[str, tuple[float | None, int]],
    at_the_end: Sequence[tuple[str, str, str]],
) -> None:
    rows = [
        ("Kendall tau&#8209;b", _estimate(last.kendall), "of pairs that are ranked alike"),
        ("Spearman", _estimate(last.spearman), "of ranks"),
        (
            "Sparse tau",
            "-" if last.sparse is None else _signed(last.sparse),
            "after the truth was rounded to 0.1 %"
            if last.sparse is not None
            else "only for percentages, or all are equal",
        ),
        *at_the_end,
        (
            "Coverage",
            f"**{last.num_common}** of {last.num_probes}",
            "probes that have both; every figure rests on them alone",
        ),
        *(_baseline(name, *baselines.get(name, (None, 0))) for name in ("params", "macs")),
    ]
    cells = [(name, value, f":gray[{wording.plain(note)}]") for name, value, note in rows]
    st.markdown(table(("at the last look", "", "what it is"), cells, num_left=3))


def _baseline(name: str, tau: float | None, num: int) -> tuple[str, str, str]:
    label = f"Baseline {name}"
    if tau is not None:
        return label, _signed(tau), f"tau-b of more {name} with the truth, of {num} probes"
    why = (
        f"unknown: nobody has counted {name} of these probes; add it to a search of them"
        if num < 2
        else "all values are equal"
    )
    return label, "-", why


def _estimate(found: Estimate) -> str:
    if found.value is None:
        return f":gray[{wording.plain(found.reason or 'none')}]"
    if found.low is None or found.high is None:
        return _signed(found.value)
    return f"{_signed(found.value)} :gray[({found.low:.3f} to {found.high:.3f})]"


def _signed(value: float) -> str:
    return f"**{wording.plain(f'{value:.3f}')}**"


@st.cache_resource(ttl=TTL_S, max_entries=NUM_HELD, show_spinner=False)
def _known(database: str, space: str, archs: tuple[str, ...], _catalogue: Catalogue) -> Known:
    del database  # a part of the key
    with reading() as session:
        return ranking_truths.known(session, space, archs, _catalogue)


def _over_training(
    database: str, job_id: int, found: tuple[Look, ...], truth: Truth
) -> tuple[Agreed, ...]:
    values = tuple(sorted(truth.values.items()))
    key = (database, job_id, len(found), found[-1].step, truth.title, truth.direction, values)
    return _agreed(key, found, truth)


@st.cache_resource(max_entries=NUM_HELD, show_spinner=False)
def _agreed(
    key: tuple[object, ...], _found: tuple[Look, ...], _truth: Truth
) -> tuple[Agreed, ...]:
    del key
    return ranking.over_training(_found, _truth)
