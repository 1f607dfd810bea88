"""Does the ranking stay the same? What rankings of probes say of each other."""

from collections.abc import Sequence

import streamlit as st

from app import charts, ranking, wording
from app.charts import ranking as drawn
from app.markdown_table import table
from app.ranking import Alike, Look
from app.views import _numbers


def show(found: Sequence[Look], runs: Sequence[Sequence[Look]]) -> None:
    """What rankings say of each other needs no truth."""
    epochs, looks = ranking.between_epochs(found), ranking.between_looks(found)
    seeds = ranking.between_seeds([found, *runs]) if runs else ()
    with st.container(border=True):
        st.markdown("**Does the ranking stay the same?** No truth is needed for this.")
        if not epochs and not looks and not seeds:
            st.markdown(
                "There has been one look, and no other seed of this training: nothing to compare."
            )
            return
        series = (
            ("with the epoch before", epochs),
            ("with an earlier look", looks),
            ("between seeds", seeds),
        )
        st.plotly_chart(
            drawn.stability_chart(series),
            key="stability",
            config=charts.STILL,
            alt=drawn.stability_alt(series),
        )
        rows = [
            ("consecutive epochs", *_over_epochs(epochs)),
            ("a look and an earlier one", *_over_looks(looks)),
            ("seeds", *_over_seeds(seeds, len(runs) + 1)),
            *recency_rows(found[-1]),
        ]
        cells = [
            (what, figure, f":gray[{wording.plain(note)}]" if note else "")
            for what, figure, note in rows
        ]
        st.markdown(table(("what is compared", "tau&#8209;b", ""), cells, num_left=3))
    _numbers.show(
        "Rankings with each other, step by step", lambda: _by_step(series), "numbers_stability"
    )


def _over_epochs(epochs: Sequence[Alike]) -> tuple[str, str]:
    if not epochs:
        return "-", "no two consecutive epochs were looked at"
    return _mean(epochs[-1]), f"of the last two, {_over_pairs(epochs)}"


def _over_looks(looks: Sequence[Alike]) -> tuple[str, str]:
    if not looks:
        return "-", "all looks are of consecutive epochs"
    return _mean(looks[-1]), _over_pairs(looks)


def _over_pairs(pairs: Sequence[Alike]) -> str:
    """When the last of several pairs was, how many there are, and their range."""
    taus = [tau for one in pairs for tau in one.taus]
    spread = f", from {min(taus):.2f} to {max(taus):.2f}" if len(taus) > 1 else ""
    return f"at step {pairs[-1].step:,}; {wording.counted(len(pairs), 'pair')}{spread}"


def _over_seeds(seeds: Sequence[Alike], num_seeds: int) -> tuple[str, str]:
    if not seeds:
        return "-", (
            "no other seed of this training is in its group: submit several seeds to see how "
            "much of the ranking is chance"
        )
    last = seeds[-1]
    spread = f", from {min(last.taus):.2f} to {max(last.taus):.2f}" if len(last.taus) > 1 else ""
    pairs = wording.counted(last.num_pairs, "pair")
    return _mean(last), f"{num_seeds} seeds, at step {last.step:,}; {pairs}{spread}"


def recency_rows(look: Look) -> list[tuple[str, str, str]]:
    """Whether probes that were trained lately do better; none where nobody told."""
    if not look.trained_last:
        return []
    last = f"trained last was {wording.shortened(look.trained_last, 80)}"
    tau, num = ranking.recency_tau(look)
    if num < ranking.FEW_TRAINED:
        which = "none of the probes was" if not num else f"only {num} of the probes were"
        return [("recency", "-", f"{which} trained for itself: too few to see it; {last}")]
    if tau is None:
        return [("recency", "-", f"all of the {num} probes do equally well; {last}")]
    note = (
        f"of having been trained lately with inherited accuracy, over {num} probes: far from 0, "
        f"the ranking depends on the order of training; {last}"
    )
    return [("recency", f"**{wording.plain(f'{tau:.2f}')}**", note)]


def _by_step(series: Sequence[drawn.Series]) -> dict[str, list[object]]:
    steps = sorted({one.step for _, pairs in series for one in pairs})
    means = {name: {one.step: one.mean for one in pairs} for name, pairs in series}
    return {
        "step": list(steps),
        **{name: [of_step.get(step) for step in steps] for name, of_step in means.items()},
    }


def _mean(one: Alike) -> str:
    return "undefined" if one.mean is None else f"**{wording.plain(f'{one.mean:.2f}')}**"
