"""A team's own plug-ins: the template works as it stands, and what is broken says how."""

import sys
from importlib import import_module
from pathlib import Path
from shutil import copytree, ignore_patterns

import pytest

from search.catalogue import Catalogue
from search.check import check
from search.errors import DataError
from search.events import Trial
from search.offer import offer
from search.plugins import PACKAGES, source_digest, use_plugins
from search.run import provenance, run
from search.spec import parse_submission

TEMPLATE = Path(__file__).parents[2] / "docs" / "templates" / "plugins"
OWN = [("space", "plain_chain"), ("network", "plain_chain"), ("proxy", "gradient_share")]
SUBMISSION = {
    "name": "own",
    "space": {"name": "plain_chain"},
    "objectives": ["gradient_share", "az_expressivity", "zen", "params", "macs"],
    "strategy": {"name": "random"},
    "budget": {"trials": 3},
    "data": {"name": "digits", "batch_size": 8},
}


@pytest.fixture(autouse=True)
def _forgotten_afterwards():
    packages = {kind: import_module(path) for kind, path in PACKAGES.items()}
    registries = {kind: getattr(package, kind) for kind, package in packages.items()}
    known = {kind: dict(registry) for kind, registry in registries.items()}
    paths, modules = {kind: list(p.__path__) for kind, p in packages.items()}, set(sys.modules)
    yield
    for kind, registry in registries.items():
        packages[kind].__path__[:], registry._registered = paths[kind], known[kind]
        registry.__dict__.pop("_plugins", None)
    for name in set(sys.modules) - modules:
        if name.startswith(tuple(f"{path}." for path in PACKAGES.values())):
            del sys.modules[name]


@pytest.fixture
def folder(tmp_path):
    """The template, copied as the how-to says."""
    return Path(copytree(TEMPLATE, tmp_path / "plugins", ignore=ignore_patterns("__pycache__")))


@pytest.mark.parametrize(("kind", "name"), OWN)
def test_the_template_is_offered_with_its_hash(folder, tmp_path, kind, name):
    catalogue = offer(tmp_path, folder)

    plugin = catalogue.plugin(kind, name)

    assert len(plugin.source) == 32
    assert plugin.summary
    assert Catalogue.model_validate_json(catalogue.model_dump_json()) == catalogue
    assert catalogue.plugin("space", "nasbench201").source == ""


def test_a_search_over_the_template_scores_every_objective(folder, tmp_path):
    catalogue = offer(tmp_path, folder)
    submission = parse_submission(SUBMISSION)
    check(submission, catalogue)

    trials = [e for e in run(submission, data_dir=tmp_path) if isinstance(e, Trial)]

    assert {score.status for trial in trials for score in trial.scores} == {"ok"}
    assert len(trials) == 3


def test_the_hashes_stand_in_the_provenance(folder, tmp_path):
    catalogue = offer(tmp_path, folder)

    content = provenance(parse_submission(SUBMISSION), data_dir=tmp_path)

    sources = {kind: catalogue.plugin(kind, name).source for kind, name in OWN}
    assert content["own"] == {kind: sources[kind] for kind in ("space", "network")}
    assert content["metrics"]["gradient_share"]["source"] == sources["proxy"]


RECIPE = '''
"""Ours."""

from search.supernets.paths.uniform import Uniform
from search.supernets.recipe import Recipe
from search.supernets.recipes import recipes


@recipes.register
def ours() -> Recipe:
    """One architecture a step, over batches of 256."""
    return Recipe(lambda net, rng: Uniform(net.space, rng), Uniform.unfit_reason, batch_size=256)
'''
INHERITING = {
    **SUBMISSION,
    "space": {"name": "cell_27"},
    "network": {"channels": 2, "cells": 1},
    "objectives": ["supernet_validation_accuracy"],
    "supernet": {"recipe": {"name": "ours"}, "probes": 0},
    "budget": {"trials": 1},
}


def test_what_subnets_scored_under_another_recipe_of_the_name_is_not_recalled(tmp_path):
    file = tmp_path / "plugins" / "recipes" / "ours.py"
    file.parent.mkdir(parents=True)
    file.write_text(RECIPE)
    use_plugins(tmp_path / "plugins")

    first = inherited(tmp_path)
    file.write_text(RECIPE + "# changed\n")
    import_module("search.plugins")._digest.cache_clear()
    second = inherited(tmp_path)

    assert first.details == second.details  # of one checkpoint
    assert first.memory_key != second.memory_key


def inherited(data_dir):
    """The score of the one trial."""
    events = run(parse_submission(INHERITING), data_dir=data_dir)
    (trial,) = [event for event in events if isinstance(event, Trial)]
    return trial.scores[0]


def test_code_of_the_templates_network_runs_by_itself(folder, tmp_path):
    use_plugins(folder)
    space = import_module("search.spaces.plain_chain").plain_chain
    exported = {"__name__": "exported"}

    exec(space.python_source((1, 1, 1), shape=(1, 8, 8), num_classes=4, params={}), exported)

    assert sum(p.numel() for p in exported["net"].parameters()) == 8 * 9 + 2 * 576 + 6 * 8 + 36


def test_the_templates_space_reads_what_it_writes(folder):
    use_plugins(folder)
    space = import_module("search.spaces.plain_chain").plain_chain

    archs = [space.at(index) for index in range(space.size)]

    assert [space.decode(space.encode(arch)) for arch in archs] == archs
    assert space.size == 36
    with pytest.raises(ValueError, match="'width=5' is not width= and one of: 4, 8, 16"):
        space.decode("depth=1, width=5, kernel=3")


def test_a_change_of_a_helper_changes_the_hash(folder):
    use_plugins(folder)
    builder = import_module("search.networks").networks["plain_chain"]
    before = source_digest(builder)

    helper = folder / "networks" / "_plain_chain.py"
    helper.write_text(helper.read_text() + "# changed\n")
    import_module("search.plugins")._digest.cache_clear()

    assert source_digest(builder) != before


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        ("proxies/ours_a.py", "def f(:", r"ours_a\.py cannot be loaded: SyntaxError"),
        ("proxies/ours_b.py", "x = 1", r"registers nothing; decorate it with @proxies\.register"),
        (
            "proxies/ours_c.py",
            "from search.proxies import proxies\n@proxies.register\ndef f(probe): return 1.0",
            "declares no traits",
        ),
        (
            "spaces/ours_d.py",
            "from search.spaces import spaces\nclass S:\n    size = 1\nspaces.register(S())",
            "lacks decisions, equivalences",
        ),
        (
            "networks/ours_e.py",
            "from search.networks import networks\n@networks.register\n"
            "def f(arch, *, a: 'Nope' = 1): ...",
            "NameError",
        ),
        (
            "networks/ours_f.py",
            "from search.networks import networks\nnetworks.register(7)",
            "cannot be loaded",
        ),
        ("proxy/ours_g.py", "", "no folder of plug-ins; there are: spaces, networks"),
        ("ours_h.py", "", "has to lie in the folder of its kind"),
        ("networks/_weights.py", "", "rename the file"),
        ("spaces/nasbench201.py", "", "rename the file"),
    ],
)
def test_what_is_broken_says_how(tmp_path, path, text, message):
    file = tmp_path / path
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)

    with pytest.raises(DataError, match=message) as caught:
        use_plugins(tmp_path)

    assert file.stem in str(caught.value) or file.parent.name in str(caught.value)
