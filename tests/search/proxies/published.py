"""Our scores of cells of NAS-Bench-201 beside those that others published, and the bounds."""

import csv
import gzip
import io
import os
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy.stats import spearmanr

from search.networks import constant_outputs, networks
from search.probe import Batch, Probe
from search.proxies import proxies
from search.spaces.nasbench201 import nasbench201

DATA = Path(__file__).parents[4] / "shared" / "data"
SCORES, IMAGES = DATA / "nb201_proxies.csv.gz", DATA / "cifar10_full_jpeg.npz"
SUITE = DATA / "nb201_suitezero725.csv.gz"
MISSING = [path.name for path in (SCORES, SUITE, IMAGES) if not path.exists()]

# With ALL_CELLS=1 every cell is scored, which takes minutes; without it a sample of the suite's
# and of zen's, and fewer images for the drawn cells.
ALL_CELLS = os.environ.get("ALL_CELLS") == "1"
NUM_DRAWN, NUM_ZEN, NUM_SUITE = (300, 300, 725) if ALL_CELLS else (300, 30, 30)
NUM_IMAGES = 16 if ALL_CELLS else 8  # of the drawn cells; the suite has 32

# Least Spearman correlation of our scores with the published ones, on CIFAR-10, 16 channels and 5
# cells: over 300 cells drawn from the whole space, and over NAS-Bench-Suite-Zero's 725; None where
# a source lacks the proxy. Beside each what all cells gave, Spearman and Kendall. Images and first
# weights behind the published scores were others, so that ranks alone compare.
BOUNDS = {
    "synflow": (0.99, 0.99),  # 1.000 .999; .999 .982
    "nwot": (0.95, 0.95),  # .993 .932, with 8 images .976; .995 .940
    "snip": (0.9, 0.9),  # .986 .903, with 8 images .987; .987 .904
    "epsinas": (0.95, None),  # .976 .881, over the 187 where it is defined
    "zen": (0.97, None),  # .997 .969 over 96 of them, one draw of weights
    "grad_norm": (None, 0.9),  # .986 .898
    "fisher": (None, 0.9),  # .976 .871
    "jacob_cov": (None, 0.9),  # .928 .782
    "l2_norm": (None, 0.9),  # .946 .801
    "epe_nas": (None, 0.75),  # .816 .626
    "grasp": (None, -1),  # reported, without a bound: terms of both signs cancel; .662 .553
    "plain": (None, -1),  # the same; .048 .032
}
OF_DRAWN = {name: least for name, (least, _) in BOUNDS.items() if least is not None}
OF_SUITE = {name: least for name, (_, least) in BOUNDS.items() if least is not None}


def training_images():
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


def rows_of(path):
    """Rows by the number of the cell, for CIFAR-10 alone where there are other data sets."""
    with gzip.open(path, "rt") as file:
        rows = [r for r in csv.DictReader(file) if r.get("dataset", "cifar10") == "cifar10"]
    return {int(row["index"]): row for row in rows}


def scores_of(numbers, batch, names):
    """Columns of our scores: every cell on one probe."""
    shortcut = constant_outputs(networks["nasbench201"], batch.x_BCHW)
    rows = []
    for number in numbers:
        shorter = partial(shortcut, nasbench201.at(number))
        probe = probe_of(number, batch, constant_outputs=shorter)
        rows.append({name: proxies[name](probe) for name in names})
    return {name: [row[name] for row in rows] for name in names}


def probe_of(number, batch, *, constant_outputs=None, **params):
    arch = nasbench201.at(number)
    build = partial(
        networks["nasbench201"], arch, shape=(3, 32, 32), device=torch.device("cpu"), **params
    )
    return Probe(build, batch, seed=0, constant_outputs=constant_outputs)


def rank_agreement(columns):
    """Spearman's coefficient over the cells that both know, and how many these are."""
    ours, theirs = (np.array([_number(v) for v in column]) for column in columns)
    known = np.isfinite(ours) & np.isfinite(theirs)
    return spearmanr(ours[known], theirs[known]).statistic, known.sum()


def _number(value):
    """An empty field is nan; a score of 0 is a score."""
    return float("nan" if value == "" else value)
