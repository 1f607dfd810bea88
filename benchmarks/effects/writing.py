"""Makes docs/effects.md: what was claimed, and what was seen."""

import re
from collections import Counter
from collections.abc import Sequence

from benchmarks.effects.controls import CONTROLS, holds, oracle_tau
from benchmarks.effects.protocol import Claim, Effect, Results
from benchmarks.effects.running import Folder
from benchmarks.effects.statistics import LEVEL, interval, seen
from benchmarks.effects.supernets import known_mean, mean
from benchmarks.effects.truth import NUM_SEEDS, TABLES
from search.supernets.ranking import tau_between_runs

NAMES = {"cell_27": "C-27", "elastic_tiny": "E-digits, 8 probes", "conv_81": "K-81"}

WORDS = ("seen", "opposite", "not seen", "not decided")
VERDICT = re.compile(
    rf"\*\*({'|'.join(WORDS)})\*\* \|$", re.MULTILINE
)  # at the end of a claim's row
MARK, SHORT = "## ", "In short"

HEAD = f"""\
# Effects: do the methods do here what their papers say?

Written by `make effects` (`make effects DATA=folder` with NAS-Bench-201, where the folder has
`cifar10_full_jpeg.npz` and `nb201.csv.gz`). Do not edit by hand.

A method is held against what it is said to be better than, on a few thousand small images
and for seconds. That says whether it works here at this size; it does not repeat a paper. A small
effect can be missed, and an effect that is seen here may have another size elsewhere.

* Seeds are paired: every arm is run with each seed. Arms have equal numbers of forward and
  backward passes of single networks, unless a line says otherwise.
* The interval is of the mean paired difference: percentiles of its bootstrap, {LEVEL:.0%}. With
  three seeds it goes from the least to the greatest difference and covers less than it says.
* **seen**: the whole interval is on the side that is claimed. **opposite**: it is on the other
  side. **not seen**: a bound is not met. **not decided**: 0 is in the interval, or there are fewer
  than three seeds. There are many lines, and each has a chance of its own to be wrong.
* Evidence of a claim: P the abstract or the authors' README, C the authors' code, R read in texts
  by others, M from memory and not checked, - without a source, D a question of ours.
* Tau is Kendall's tau-b. Accuracies are shares, 0 to 1.

Data: **E-digits** is the space `elastic_tiny` on handwritten digits of 8 x 8 pixels, 1,000 to
train on, 397 to choose by, 400 to test on. **C-27** is the space `cell_27` on the same images: 27
cells, of which each was trained alone. **K-81** has two convolutions of three widths and three
kernels each; 81 networks, each trained alone.
"""


def report(effects: Sequence[Effect], folder: Folder) -> str:
    """The whole page, from what is kept."""
    kept = {effect.name: folder.results(effect) for effect in effects}
    parts = [HEAD, summary(effects, kept), *(section(e, kept[e.name]) for e in effects)]
    parts += [truth_text(folder), controls_text(folder), total_text(effects, folder)]
    return "\n".join(parts)


def revised(page: str, effects: Sequence[Effect], folder: Folder) -> str:
    """A page whose other sections stay as they are, for results that are no longer at hand.

    Args:
        page: as it was written before.
        effects: whose sections are written anew, from what is kept.
        folder: keeps it.

    Raises:
        ValueError: the page has no section of one of them.
    """
    parts = page.split(f"\n{MARK}")
    titles = [part.partition("\n")[0] for part in parts]
    for effect in effects:
        text = section(effect, folder.results(effect))
        parts[titles.index(effect.title)] = text.removeprefix(MARK)
    counts = Counter(VERDICT.findall("\n".join(parts)))
    parts[titles.index(SHORT)] = f"{SHORT}\n\n{_counted(counts)}.\n"
    return f"\n{MARK}".join(parts)


def summary(effects: Sequence[Effect], kept: dict[str, Results]) -> str:
    """How many claims came out how."""
    counts = Counter(
        seen(claim.differences(kept[effect.name], effect.seeds), claim.kind)
        for effect in effects
        for claim in effect.claims
    )
    wanted = sum(len(effect.arms) * effect.num_seeds for effect in effects)
    done = sum(len(runs) for results in kept.values() for runs in results.values())
    missing = f" Only {done} of {wanted} runs are done." if done < wanted else ""
    return f"{MARK}{SHORT}\n\n{_counted(counts)}.{missing}\n"


def _counted(counts: Counter[str]) -> str:
    words = ", ".join(f"{counts[word]} {word}" for word in WORDS)
    return f"Of {counts.total()} claims: {words}"


def section(effect: Effect, results: Results) -> str:
    """One protocol."""
    lines = [f"{MARK}{effect.title}", "", effect.what, "", f"Budget: {effect.budget}.", ""]
    if not any(results.values()):
        return "\n".join([*lines, "Not run.", ""])
    lines += ["| claimed | by | means | difference | seeds | |", "|---|---|---|---|---|---|"]
    lines += [row(claim, results, effect.seeds) for claim in effect.claims]
    lines += ["", *arms_table(effect, results)]
    lines += [f"* {note}" for note in effect.notes]
    return "\n".join([*lines, ""])


def row(claim: Claim, results: Results, seeds: tuple[int, ...]) -> str:
    """One claim: both means, the difference with its interval, and whether it was seen."""
    pairs = [pair for seed in seeds if (pair := claim.pair(results, seed))]
    verdict = seen(claim.differences(results, seeds), claim.kind)
    if not pairs:
        return f"| {claim.text} | {claim.evidence} | no result | | 0 | **{verdict}** |"
    differences = [left - right for left, right in pairs]
    sides = ((claim.left, [p[0] for p in pairs]), (claim.right, [p[1] for p in pairs]))
    means = "; ".join(f"{term.label} {shown(mean(values))}" for term, values in sides)
    found = interval(differences)
    spread = f" [{signed(found[0])}, {signed(found[1])}]" if found else ""
    return (
        f"| {claim.text} | {claim.evidence} | {means} | {signed(mean(differences))}{spread} | "
        f"{len(pairs)} | **{verdict}** |"
    )


def arms_table(effect: Effect, results: Results) -> list[str]:
    """Means of what was measured, arm by arm."""
    arms = [arm.name for arm in effect.arms if results[arm.name]]
    columns = [name for name in effect.columns if any(_mean(results, a, name) for a in arms)]
    if not columns:
        return []
    head = [f"| arm | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    rows = []
    for arm in arms:
        values = (_mean(results, arm, column) for column in columns)
        cells = (("" if value is None else shown(value)) for value in values)
        rows.append(f"| {arm} | {' | '.join(cells)} |")
    return [*head, *rows, ""]


def truth_text(folder: Folder) -> str:
    """The tables, and how well they agree with themselves."""
    lines = [
        "## Networks trained alone",
        "",
        "The truth of the rankings above: mean test accuracy over "
        f"{NUM_SEEDS} seeds of networks trained alone, in the same loop, with weights of their "
        "own. Tau between two seeds of a table says how much of a ranking is noise.",
        "",
        "| table | epochs | least accuracy | greatest | tau between seeds |",
        "|---|---|---|---|---|",
    ]
    for name, arm in TABLES.items():
        runs = folder.truth_by_seed(name)
        if not runs:
            continue
        means = [mean(values) for values in zip(*runs, strict=True)]
        archs = [(number,) for number in range(len(means))]
        taus = tau_between_runs([dict(zip(archs, run, strict=True)) for run in runs])
        tau = known_mean(taus)
        lines.append(
            f"| {NAMES[name]} | {arm.run.keywords['epochs']} | {shown(min(means))} | "
            f"{shown(max(means))} | {'' if tau is None else shown(tau)} |"
        )
    return "\n".join([*lines, ""])


def controls_text(folder: Folder) -> str:
    """Computed anew whenever the page is written."""
    lines = [
        "## Controls",
        "",
        "Methods set to do nothing give the weights of their baseline after a few steps, bit for "
        "bit:",
        "",
    ]
    lines += [
        f"* {control.text}: {'holds' if holds(control) else '**does not hold**'}"
        for control in CONTROLS.values()
    ]
    tables = [name for name in TABLES if len(folder.truth_by_seed(name)) == NUM_SEEDS]
    taus = [f"{NAMES[name]} {oracle_tau(folder, name):g}" for name in tables]
    oracle = f"Tau of a table's truth with itself: {', '.join(taus) or 'no table yet'}."
    return "\n".join([*lines, "", oracle, ""])


def total_text(effects: Sequence[Effect], folder: Folder) -> str:
    """What it took, which is a fact about one machine."""
    total = sum(map(folder.seconds, effects))
    return (
        f"All of this took {total:,.0f} seconds on the clock of a machine that was busy with "
        "other things, one thread for each arm. That is no measurement of speed.\n"
    )


def shown(value: float) -> str:
    """Three digits after the point, or none of a large number."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3f}"


def signed(value: float) -> str:
    """The same with its sign."""
    return f"+{shown(value)}" if value >= 0 else shown(value)


def _mean(results: Results, arm: str, measure: str) -> float | None:
    values = [measures.get(measure) for measures in results[arm].values()]
    return known_mean(values)
