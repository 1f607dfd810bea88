"""Our scores of cells of NAS-Bench-201 beside those that others published."""

import csv
import gzip
import io
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
    ours, theirs = (np.array([float(v or "nan") for v in column]) for column in columns)
    known = np.isfinite(ours) & np.isfinite(theirs)
    return spearmanr(ours[known], theirs[known]).statistic, known.sum()
