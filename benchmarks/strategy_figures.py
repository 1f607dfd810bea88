"""What strategies reach on NAS-Bench-201: ``python -m benchmarks.strategy_figures FOLDER``.

FOLDER holds ``nb201.csv.gz`` and ``nb201_proxies.csv.gz``. A query looks up the validation
accuracy after 200 epochs. Told are the test and the validation accuracy of the arch with the best
validation accuracy so far, in per cent, as mean over the seeds and as difference to another
strategy with a bootstrap interval of 95 %.
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from search.catalogue import TableColumn
from search.events import Trial
from search.run import run
from search.spec import parse_submission
from search.tables import Table, read_table

QUERIES = (100, 200)
POOL = 3000
RESAMPLES = 2000
SHORT, LONG = 12, 200  # epochs
EVOLUTION = {"name": "regularized_evolution", "params": {"population": 10, "sample": 3}}
GUIDED = {"name": "regularized_evolution", "params": {**EVOLUTION["params"], "guide": 2}}
PREDICTOR = {"name": "predictor"}
WARM = {"objective": 2, "pool": POOL}
HALVING = {"name": "successive_halving", "params": {"rungs": [3, 1], "initial": 15, "eta": 5}}

STRATEGIES: Mapping[str, Mapping[str, Any]] = {
    "random search": {"strategy": {"name": "random"}},
    "random search, warm": {"strategy": {"name": "random"}, "warm_start": WARM},
    "evolution": {"strategy": EVOLUTION},
    "evolution, warm": {"strategy": EVOLUTION, "warm_start": WARM},
    "evolution, guided": {"strategy": GUIDED},
    "evolution, warm and guided": {"strategy": GUIDED, "warm_start": WARM},
    "local search": {"strategy": {"name": "local_search"}},
    "predictor": {"strategy": PREDICTOR},
    "predictor, warm": {"strategy": PREDICTOR, "warm_start": WARM},
    "predictor, guided": {"strategy": {"name": "predictor", "params": {"guide": 2}}},
}
IN_EPOCHS: Mapping[str, Mapping[str, Any]] = {
    "random search": {"strategy": {"name": "random"}},
    "halving": {"strategy": HALVING},
}
COMPARED = (
    ("evolution", "random search"),
    ("evolution, warm", "evolution"),
    ("evolution, guided", "evolution"),
    ("evolution, warm and guided", "evolution"),
    ("local search", "evolution"),
    ("predictor", "random search"),
    ("predictor", "evolution"),
    ("predictor, warm", "predictor"),
    ("predictor, guided", "predictor"),
)


@lru_cache
def read_tables(folder: Path) -> dict[str, Table]:
    """The published accuracies, and epsinas of every cell, undefined for 6,399 of them."""
    accuracies = ("cifar10_valid", "cifar10_test", "cifar10_valid_12ep")
    return {
        "nb201": read_table(
            folder / "nb201.csv.gz",
            name="nb201",
            space="nasbench201",
            arch_column="arch_str",
            columns=[TableColumn(name=name) for name in accuracies],
        ),
        "proxies": read_table(
            folder / "nb201_proxies.csv.gz",
            name="proxies",
            space="nasbench201",
            arch_column="index",
            columns=[TableColumn(name="cifar10_epsinas", may_be_undefined=True)],
        ),
    }


def trials_of(tables: Mapping[str, Table], seed: int, **more: Any) -> list[Trial]:
    """A whole search: accuracy, epsinas and the accuracy after 12 epochs are its objectives."""
    columns = (
        ("nb201", "cifar10_valid"),
        ("proxies", "cifar10_epsinas"),
        ("nb201", "cifar10_valid_12ep"),
    )
    spec = parse_submission(
        {
            "name": "figures",
            "space": {"name": "nasbench201"},
            "objectives": [
                {"metric": "table", "params": {"table": table, "column": column}}
                for table, column in columns
            ],
            "budget": {"trials": max(QUERIES)},
            "seed": seed,
            **more,
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        events = run(spec, data_dir=Path(folder), tables=tables)
        return [event for event in events if isinstance(event, Trial)]


def chosen(tables: Mapping[str, Table], trials: Sequence[Trial]) -> tuple[float, float]:
    """Test and validation accuracy of the arch with the best validation accuracy."""
    best = max(trials, key=lambda trial: (trial.scores[0].value, -trial.number))
    table = tables["nb201"]
    return table.value(best.arch, "cifar10_test"), table.value(best.arch, "cifar10_valid")


def by_queries(tables: Mapping[str, Table], seed: int, **more: Any) -> list[tuple[float, float]]:
    """What a search has come to after so many full trials."""
    full = [trial for trial in trials_of(tables, seed, **more) if trial.only is None]
    return [chosen(tables, full[:num]) for num in QUERIES]


def by_epochs(tables: Mapping[str, Table], seed: int, **more: Any) -> list[tuple[float, float]]:
    """What a search has come to when its trainings have taken as long as so many full ones."""
    trials = trials_of(tables, seed, **more)
    spent_N = np.cumsum([LONG if trial.only is None else SHORT for trial in trials])
    told = [
        [t for t, spent in zip(trials, spent_N, strict=True) if spent <= LONG * num]
        for num in QUERIES
    ]
    return [chosen(tables, [t for t in some if t.only is None]) for some in told]


def difference(first_N: np.ndarray, second_N: np.ndarray) -> tuple[float, float, float]:
    """Difference of the means, and the bootstrap interval of 95 % of it."""
    rng = np.random.default_rng(0)
    first_R, second_R = (
        values_N[rng.integers(len(values_N), size=(RESAMPLES, len(values_N)))].mean(1)
        for values_N in (first_N, second_N)
    )
    low, high = np.quantile(first_R - second_R, [0.025, 0.975])
    return float(first_N.mean() - second_N.mean()), float(low), float(high)


def lines(
    found: Mapping[str, np.ndarray], compared: Sequence[tuple[str, str]], title: str
) -> list[str]:
    """A Markdown table of means and differences; *found* has seeds x queries by strategy."""
    heads = " | ".join(f"after {num}" for num in QUERIES)
    rows = [f"| {title} | {heads} |", "|---" * (len(QUERIES) + 1) + "|"]
    for name, values_SQ in found.items():
        rows.append(f"| {name} | {' | '.join(f'{value:.3f}' for value in values_SQ.mean(0))} |")
    for first, second in compared:
        if first in found and second in found:
            pairs = zip(found[first].T, found[second].T, strict=True)
            told = (difference(*pair) for pair in pairs)
            cells = " | ".join(f"{m:+.3f} ({low:+.3f} to {high:+.3f})" for m, low, high in told)
            rows.append(f"| {first}, less {second} | {cells} |")
    return rows


def main() -> None:
    """Print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--only", nargs="*", default=[*STRATEGIES, "by epochs"])
    given = parser.parse_args()
    tables = read_tables(given.folder)
    seeds = range(given.seeds)
    groups = [({n: how for n, how in STRATEGIES.items() if n in given.only}, by_queries, COMPARED)]
    if "by epochs" in given.only:
        groups.append((IN_EPOCHS, by_epochs, (("halving", "random search"),)))
    for strategies, measure, compared in groups:
        found_SQ2 = {
            name: np.array([measure(tables, seed, **how) for seed in seeds])
            for name, how in strategies.items()
        }
        for place, accuracy in enumerate(("test", "validation")):
            values = {name: found[:, :, place] for name, found in found_SQ2.items()}
            title = f"{accuracy} accuracy, {given.seeds} seeds"
            print("\n".join(["", *lines(values, compared, title)]))


if __name__ == "__main__":
    main()
