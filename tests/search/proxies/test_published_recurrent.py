"""epsinas of recurrent cells against the losses that NAS-Bench-NLP reports for them."""

from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from scipy.stats import spearmanr

from search.networks import networks
from search.probe import Batch, Probe
from search.proxies import proxies
from search.spaces import spaces

DATA = Path(__file__).parents[4] / "shared" / "data"
LOSSES, TEXT = DATA / "nasbench_nlp.parquet", DATA / "tinyshakespeare.txt"
NUM_CELLS, NUM_SEQUENCES, NUM_COLUMNS = 300, 64, 35

pytestmark = pytest.mark.skipif(
    not (LOSSES.exists() and TEXT.exists()), reason="not in ../shared/data: NAS-Bench-NLP, a text"
)


def losses_by_recipe():
    """Of cells that were trained once on PTB to the end, drawn by a fixed seed."""
    columns = ["dataset", "status", "recepie", "test_loss_at_best_val"]
    rows = pq.read_table(LOSSES, columns=columns).to_pylist()
    whole = [row for row in rows if row["dataset"] == "ptb" and row["status"] == "OK"]
    losses = {
        row["recepie"]: float(row["test_loss_at_best_val"])
        for row in whole
        if row["test_loss_at_best_val"]
    }
    drawn = np.random.default_rng(0).permutation(sorted(losses))[:NUM_CELLS].tolist()
    return {recipe: losses[recipe] for recipe in drawn}


def sequences():
    """Stretches of a text, a symbol to a column, one-hot."""
    text = TEXT.read_text("utf-8")
    symbols = sorted(set(text))
    codes = torch.tensor([symbols.index(symbol) for symbol in text])
    rng = np.random.default_rng(0)
    starts = rng.integers(0, len(text) - NUM_COLUMNS, size=NUM_SEQUENCES)
    places = torch.tensor(starts)[:, None] + torch.arange(NUM_COLUMNS)
    one_hot_BWH = torch.nn.functional.one_hot(codes[places], len(symbols)).float()
    return Batch(one_hot_BWH.mT[:, None].contiguous(), torch.zeros(NUM_SEQUENCES).long(), 2)


@pytest.mark.slow
def test_a_higher_score_goes_with_a_lower_loss():
    """Published: -.34 over 14,322 cells, on the text that they were trained on, 3 layers of 600.

    Ours: -.293 over the 285 of 300 cells that do not overflow, by the network that searches have,
    one layer of 32; -.296 over 146 of 150 with the published sizes.
    """
    losses, batch = losses_by_recipe(), sequences()
    shape = tuple(batch.x_BCHW.shape[1:])
    build = partial(networks["nasbench_nlp"], shape=shape, device=torch.device("cpu"))
    archs = [spaces["nasbench_nlp"].decode(recipe) for recipe in losses]

    scores = np.array(
        [proxies["epsinas"](Probe(partial(build, arch), batch, seed=0)) for arch in archs]
    )

    known = np.isfinite(scores)
    assert known.sum() >= 280
    assert spearmanr(scores[known], np.array([*losses.values()])[known]).statistic < -0.2
