"""Ranks of cells against published scores: a modest sample, so the bounds are wide."""

import csv
import gzip
import io
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.stats import spearmanr

from search.networks import networks
from search.probe import Batch, Probe
from search.proxies import proxies
from search.spaces.nasbench201 import (
    EDGES,
    OPERATIONS,
    has_path_without_convolution,
    is_connected,
    nasbench201,
)

DATA = Path(__file__).parents[4] / "shared" / "data"
SCORES, IMAGES = DATA / "nb201_proxies.csv.gz", DATA / "cifar10_full_jpeg.npz"
NUM_CELLS = 40

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SCORES.exists(), reason=f"{SCORES.name} is not in ../shared/data"),
    pytest.mark.skipif(not IMAGES.exists(), reason=f"{IMAGES.name} is not in ../shared/data"),
]


@pytest.fixture(scope="module")
def batch():
    """Thirty-two training images, normalised as the benchmark does."""
    with np.load(IMAGES) as archive:
        offsets, labels = archive["train_offsets"], archive["train_labels"]
        jpeg = archive["train_jpeg"][: offsets[32]]
    images = [
        np.asarray(Image.open(io.BytesIO(jpeg[offsets[i] : offsets[i + 1]].tobytes())))
        for i in range(32)
    ]
    mean, std = np.array([125.3, 123.0, 113.9]), np.array([63.0, 62.1, 66.7])
    x_BCHW = torch.tensor((np.stack(images) - mean) / std, dtype=torch.float32).permute(0, 3, 1, 2)
    return Batch(x_BCHW, torch.tensor(labels[:32], dtype=torch.int64), num_classes=10)


@pytest.fixture(scope="module")
def published():
    with gzip.open(SCORES, "rt") as file:
        return {int(row["index"]): row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def measured(batch, published):
    """Scores of connected cells, drawn once; networks of one cell a stage keep it short."""
    drawn = np.random.default_rng(0).permutation(nasbench201.size).tolist()
    numbers = [n for n in drawn if is_connected(nasbench201.at(n))][:NUM_CELLS]
    names = ("synflow", "nwot", "snip", "epsinas")
    rows = []
    for number in numbers:
        probe = probe_of(number, batch, cells=2)
        rows.append({name: proxies[name](probe) for name in names})
    return {
        name: ([row[name] for row in rows], [published[n][f"cifar10_{name}"] for n in numbers])
        for name in names
    }


def probe_of(number, batch, **params):
    arch = nasbench201.at(number)
    build = partial(
        networks["nasbench201"], arch, shape=(3, 32, 32), device=torch.device("cpu"), **params
    )
    return Probe(build, batch, seed=0)


@pytest.mark.parametrize(
    ("name", "least"), [("synflow", 0.9), ("nwot", 0.9), ("snip", 0.75), ("epsinas", 0.85)]
)
def test_ranks_are_those_published(measured, name, least):
    ours, theirs = (np.array([float(v or "nan") for v in column]) for column in measured[name])
    known = np.isfinite(ours) & np.isfinite(theirs)

    assert known.sum() >= 15
    assert spearmanr(ours[known], theirs[known]).statistic > least


@pytest.mark.parametrize("number", range(12))
def test_epsinas_is_undefined_exactly_where_no_path_is_free_of_convolutions(batch, number):
    """At full size and in float32, on cells of both kinds."""
    images = Batch(batch.x_BCHW[:8], batch.y_B[:8], num_classes=10)
    wanted = bool(number % 2)
    kind = [n for n in range(200) if has_path_without_convolution(nasbench201.at(n)) == wanted]

    score = proxies["epsinas"](probe_of(kind[number], images))

    assert np.isnan(score) != wanted


def test_published_epsinas_is_undefined_for_the_cells_of_the_rule(published):
    undefined = {n for n, row in published.items() if not row["cifar10_epsinas"]}

    assert undefined == {
        n for n in published if not has_path_without_convolution(nasbench201.at(n))
    }


def sees_an_image(arch):
    """Some convolution reads a node that the input reaches, dead edge or not."""
    reached = {0}
    for (i, j), choice in zip(EDGES, arch, strict=True):
        reached |= {j} if OPERATIONS[choice] != "none" and i in reached else set()
    reads = {i for (i, _), c in zip(EDGES, arch, strict=True) if "conv" in OPERATIONS[c]}
    return bool(reads & reached)


def test_published_nwot_counts_the_relus_on_dead_edges(published):
    """Undefined in 201 disconnected cells, none of whose ReLUs sees an image; defined in 140."""
    undefined = {n for n, row in published.items() if not row["cifar10_nwot"]}
    disconnected = {n for n in published if not is_connected(nasbench201.at(n))}

    assert undefined == {n for n in disconnected if not sees_an_image(nasbench201.at(n))}


@pytest.mark.parametrize("number", range(8))
def test_nwot_is_defined_where_the_published_one_is(batch, published, number):
    disconnected = [n for n in range(400) if not is_connected(nasbench201.at(n))]
    images = Batch(batch.x_BCHW[:8], batch.y_B[:8], num_classes=10)
    probe = probe_of(disconnected[number], images, channels=4, cells=1)

    is_published = bool(published[disconnected[number]]["cifar10_nwot"])

    assert np.isfinite(proxies["nwot"](probe)) == is_published
