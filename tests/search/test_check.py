import subprocess
import sys

import pytest

from search.catalogue import Catalogue, Device, Plugin, TableColumn, TableInfo
from search.check import check, num_evaluations
from search.errors import SpecError
from search.parameters import schema_of
from search.spec import parse_submission
from search.strategies import strategies, takes_warm_start

TABLE = TableInfo(
    name="bench",
    space="nasbench201",
    columns=(TableColumn(name="accuracy", unit="%"),),
    clock="seconds",
    num_archs=3,
    digest="d",
)
WITHOUT_CLOCK = TABLE.model_copy(update={"name": "plain", "clock": None})
FOREIGN = TABLE.model_copy(update={"name": "macro", "space": "nasbench_macro"})
POSITIVE = {"properties": {"low": {"type": "number", "exclusiveMinimum": 0}}}
CELLS = {"properties": {"cells": {"type": "integer", "minimum": 1, "maximum": 20}}}

CATALOGUE = Catalogue(
    plugins=(
        Plugin(kind="space", name="nasbench201", traits={"size": 15_625}),
        Plugin(kind="network", name="nasbench201", parameters=CELLS),
        *(
            Plugin(
                kind="strategy",
                name=name,
                parameters=schema_of(kind),
                traits={
                    "visits_once": kind.visits_once,
                    "takes_warm_start": takes_warm_start(kind),
                },
            )
            for name, kind in strategies.items()
        ),
        Plugin(
            kind="proxy", name="epsinas", parameters=POSITIVE, traits={"direction": "maximize"}
        ),
        Plugin(kind="cost", name="params", traits={"direction": "minimize"}),
        Plugin(kind="proxy", name="own"),
        Plugin(kind="dataset", name="digits", traits={"available": True, "num_train": 1437}),
        Plugin(kind="dataset", name="cifar10", traits={"available": False, "reason": "not here"}),
    ),
    devices=(Device(type="cpu", name="some"),),
    tables=(TABLE, WITHOUT_CLOCK, FOREIGN),
)


def spec(**changes):
    return parse_submission(
        {
            "name": "first",
            "space": {"name": "nasbench201"},
            "objectives": ["params"],
            "strategy": {"name": "random"},
            "budget": {"trials": 10},
            **changes,
        }
    )


def looked_up(table="bench", column="accuracy", **more):
    return {"name": "a", "metric": "table", "params": {"table": table, "column": column, **more}}


def test_a_good_spec_passes():
    good = spec(objectives=["epsinas", "params", looked_up()], budget={"clock_s": 100})

    assert check(good, CATALOGUE) is None


@pytest.mark.parametrize(
    ("changes", "path", "expected"),
    [
        ({"space": {"name": "x"}}, "space.name", "known: nasbench201"),
        (
            {"space": {"name": "nasbench201", "params": {"n": 1}}},
            "space.params.n",
            "nasbench201 takes none",
        ),
        ({"strategy": {"name": "x"}}, "strategy.name", "known: coarse_to_fine, exhaustive"),
        (
            {"strategy": {"name": "regularized_evolution", "params": {"population": 1}}},
            "strategy.params.population",
            "1 is too small: at least 2",
        ),
        (
            {"strategy": {"name": "regularized_evolution", "params": {"sample": "many"}}},
            "strategy.params.sample",
            "'many' is no integer",
        ),
        (
            {"strategy": {"name": "local_search", "params": {"objective": 2}}},
            "strategy.params.objective",
            "only 1 objectives",
        ),
        (
            {"strategy": {"name": "regularized_evolution", "params": {"guide": 2}}},
            "strategy.params.guide",
            "only 1 objectives",
        ),
        (
            {"strategy": {"name": "predictor", "params": {"guide": 0}}},
            "strategy.params.guide",
            "0 is too small: at least 1",
        ),
        (
            {"strategy": {"name": "predictor", "params": {"guide": 1}}},
            "strategy.params.guide",
            "the guide is the objective itself",
        ),
        (
            {"strategy": {"name": "successive_halving"}},
            "strategy.params.rungs",
            "only 1 objectives",
        ),
        (
            {"strategy": {"name": "successive_halving", "params": {"rungs": [1, 1]}}},
            "strategy.params.rungs",
            "named twice",
        ),
        ({"warm_start": {"objective": 2, "pool": 5}}, "warm_start.objective", "only 1 objectives"),
        (
            {"warm_start": {"pool": 5}, "strategy": {"name": "exhaustive"}},
            "warm_start",
            "exhaustive does not begin at random",
        ),
        ({"objectives": ["params", "x"]}, "objectives.1.metric", "known: epsinas, own, params"),
        (
            {"objectives": [{"metric": "epsinas", "params": {"low": 0}}]},
            "objectives.0.params.low",
            "more than 0",
        ),
        (
            {"objectives": [{"metric": "epsinas", "params": {"lo": 1}}]},
            "objectives.0.params.lo",
            "epsinas takes: low",
        ),
        ({"objectives": ["own"]}, "objectives.0.direction", "minimize or maximize"),
        (
            {"objectives": [looked_up("x")]},
            "objectives.0.params.table",
            "imported: bench, plain; import one",
        ),
        ({"objectives": [looked_up("macro")]}, "objectives.0.params.table", "of nasbench_macro"),
        ({"objectives": [looked_up(column="x")]}, "objectives.0.params.column", "has: accuracy"),
        ({"objectives": [looked_up(row=1)]}, "objectives.0.params.row", "table, column"),
        ({"budget": {"clock_s": 5}}, "budget.clock_s", "trials or minutes"),
        (
            {"budget": {"clock_s": 5}, "objectives": [looked_up("plain")]},
            "budget.clock_s",
            "a clock column",
        ),
        ({"data": {"name": "x"}}, "data.name", "known: digits, cifar10"),
        ({"data": {"name": "cifar10"}}, "data.name", "not here"),
        ({"data": {"name": "digits", "batch_size": 2000}}, "data.batch_size", "1,437"),
        ({"network": {"cells": 21}}, "network.cells", "21 is too large: at most 20"),
        ({"network": {"width": 21}}, "network.width", "takes: cells"),
        ({"device": "gpu"}, "device", "no living worker has a gpu; there is: cpu"),
    ],
)
def test_a_wrong_field_is_named(changes, path, expected):
    with pytest.raises(SpecError) as caught:
        check(spec(**changes), CATALOGUE)

    assert list(caught.value.fields) == [path]
    assert expected in caught.value.fields[path]


@pytest.mark.parametrize(("needs", "has"), [("images", "text"), ("text", "images")])
def test_pictures_and_text_are_not_mixed_up(needs, has):
    kept = [p for p in CATALOGUE.plugins if p.kind not in ("network", "dataset")]
    made = [
        Plugin(kind="network", name="nasbench201", traits={"needs_data": needs}),
        Plugin(kind="dataset", name="digits", traits={"content": has}),
        Plugin(kind="dataset", name="fitting", traits={"content": needs}),
    ]

    with pytest.raises(SpecError) as caught:
        check(spec(), CATALOGUE.model_copy(update={"plugins": (*kept, *made)}))

    reason = f"networks of nasbench201 read {needs}, digits has {has}; choose of fitting"
    assert caught.value.fields == {"data.name": reason}


def test_all_wrong_fields_are_named_at_once():
    with pytest.raises(SpecError) as caught:
        check(spec(strategy={"name": "x"}, device="gpu", objectives=["y"]), CATALOGUE)

    assert set(caught.value.fields) == {"strategy.name", "device", "objectives.0.metric"}


def test_data_and_device_do_not_matter_when_everything_is_looked_up():
    only_tables = spec(objectives=[looked_up()], data={"name": "cifar10"}, device="gpu")

    assert check(only_tables, CATALOGUE) is None


def test_without_workers_it_says_how_to_start_one():
    with pytest.raises(SpecError, match="archfront worker"):
        check(spec(), Catalogue())


@pytest.mark.parametrize(
    ("strategy", "budget", "expected"),
    [
        ("random", {"trials": 10}, 10),
        ("exhaustive", {"trials": 20_000}, 15_625),
        ("exhaustive", {"minutes": 5}, 15_625),
        ("local_search", {"trials": 20_000}, 20_000),
        ("local_search", {"minutes": 5}, None),
    ],
)
def test_the_number_of_evaluations_is_bounded_by_budget_and_space(strategy, budget, expected):
    assert num_evaluations(spec(strategy={"name": strategy}, budget=budget), CATALOGUE) == expected


@pytest.mark.parametrize("module", ["search.check", "search.tables", "search.datasets"])
def test_torch_is_not_loaded(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
