"""Does the ranking stay the same? What rankings of probes say of each other."""

from collections.abc import Sequence

import streamlit as st

from app import charts, ranking, wording
from app.charts import ranking as drawn
from app.ranking import Alike, Look


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
        told = [_over_epochs(epochs), _over_looks(looks), _over_seeds(seeds, len(runs) + 1)]
        st.caption(wording.plain(" ".join([*told, recency_words(found[-1])])))


def _over_epochs(epochs: Sequence[Alike]) -> str:
    if not epochs:
        return "No two consecutive epochs were looked at."
    taus = [tau for one in epochs for tau in one.taus]
    spread = f", from {min(taus):.2f} to {max(taus):.2f}" if len(taus) > 1 else ""
    num = wording.counted(len(epochs), "pair")
    return f"Between consecutive epochs: {_mean(epochs[-1])} at the end, over {num}{spread}."


def _over_looks(looks: Sequence[Alike]) -> str:
    return (
        f"With an earlier look, at step {looks[-1].step:,}: {_mean(looks[-1])}." if looks else ""
    )


def recency_words(look: Look) -> str:
    """Whether probes that were trained lately do better; plain text, empty where nobody told."""
    if not look.trained_last:
        return ""
    last = f"Trained last was {wording.shortened(look.trained_last, 80)}"
    tau, num = ranking.recency_tau(look)
    if num < ranking.FEW_TRAINED:
        return f"{last}; of the probes {num} were trained themselves: too few to see recency."
    if tau is None:
        return f"{last}; all probes do equally well, so that no recency is seen."
    return (
        f"{last}. Recency: tau-b {tau:.2f} of having been trained lately with inherited "
        f"accuracy, over {num} probes; far from 0 the order tells who was trained last."
    )


def _over_seeds(seeds: Sequence[Alike], num_seeds: int) -> str:
    if not seeds:
        return (
            "No other seed of this training is in its group: submit several seeds to see how "
            "much of the ranking is chance."
        )
    last = seeds[-1]
    spread = f", from {min(last.taus):.2f} to {max(last.taus):.2f}" if last.taus else ""
    return (
        f"Between {num_seeds} seeds, at step {last.step:,}: {_mean(last)} over "
        f"{wording.counted(last.num_pairs, 'pair')}{spread}."
    )


def _mean(one: Alike) -> str:
    return "tau-b undefined" if one.mean is None else f"tau-b {one.mean:.2f}"
