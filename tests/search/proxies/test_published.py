"""Ranks of cells against published scores."""

import numpy as np
import pytest

from search.probe import Batch
from search.proxies import proxies
from search.spaces.nasbench201 import (
    EDGES,
    OPERATIONS,
    has_path_without_convolution,
    is_connected,
    nasbench201,
)
from tests.search.proxies.published import (
    MISSING,
    NUM_DRAWN,
    NUM_IMAGES,
    NUM_ZEN,
    OF_DRAWN,
    SCORES,
    probe_of,
    rank_agreement,
    rows_of,
    scores_of,
    training_images,
)

TOGETHER = ("synflow", "nwot", "snip")  # on one probe; epsinas needs no network, and more images

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),  # a fixture scores every cell; other tests may run beside it
    pytest.mark.skipif(bool(MISSING), reason=f"not in ../shared/data: {', '.join(MISSING)}"),
]


@pytest.fixture(scope="module")
def batch():
    return training_images()


@pytest.fixture(scope="module")
def published():
    return rows_of(SCORES)


@pytest.fixture(scope="module")
def on_drawn_cells(batch, published):
    """By proxy our scores and theirs, of cells drawn from the whole space."""
    numbers = np.random.default_rng(0).permutation(nasbench201.size)[:NUM_DRAWN].tolist()
    few, more = (Batch(batch.x_BCHW[:n], batch.y_B[:n], num_classes=10) for n in (NUM_IMAGES, 16))
    ours = scores_of(numbers, few, TOGETHER) | scores_of(numbers, more, ["epsinas"])
    return {
        name: (ours[name], [published[n][f"cifar10_{name}"] for n in numbers]) for name in ours
    }


@pytest.mark.parametrize("name", [*TOGETHER, "epsinas"])
def test_ranks_are_those_published(on_drawn_cells, name):
    agreement, num_known = rank_agreement(on_drawn_cells[name])

    assert num_known >= 180
    assert agreement >= OF_DRAWN[name]


@pytest.mark.parametrize("name", [*TOGETHER, "epsinas"])
def test_scores_are_undefined_where_the_published_ones_are(on_drawn_cells, name):
    ours, theirs = on_drawn_cells[name]

    assert np.isfinite(ours).tolist() == [bool(value) for value in theirs]


def test_zen_ranks_are_those_published(batch, published):
    numbers = np.random.default_rng(0).permutation(nasbench201.size)[:NUM_ZEN].tolist()

    ours = [proxies["zen"](probe_of(number, batch), repeats=1) for number in numbers]

    agreement, num_known = rank_agreement((ours, [published[n]["cifar10_zen"] for n in numbers]))
    assert num_known >= 0.93 * NUM_ZEN
    assert agreement >= OF_DRAWN["zen"]


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
