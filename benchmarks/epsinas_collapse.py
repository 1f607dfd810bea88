"""epsinas of NAS-Bench-201 cells with one channel to a layer, against the plain network."""

import time
from collections.abc import Callable
from functools import partial
from itertools import product

import numpy as np
import torch
from torch import nn

from benchmarks.reference_proxies import PlainNetwork
from search.collapse import CONSTANTS, epsinas
from search.networks import networks
from search.probe import Batch, Probe
from search.proxies import proxies
from search.proxies.epsinas import score_of_outputs
from search.spaces import Arch
from search.spaces.nasbench201 import OPERATIONS, nasbench201

SHAPE = (3, 32, 32)
NUM_IMAGES = 64
NUM_CELLS = 96
NUM_PLAIN_CELLS = 12  # the first of these: the plain network takes half a second for each
TOLERANCE = 1e-3
TINY = 1e-3  # scores below it are rounding, such as that of the cell of skips alone


def rows() -> list[dict[str, object]]:
    """Time both on the same random cells, compare their values, then take every cell."""
    x_BCHW, threads, cells = _images(), torch.get_num_threads(), _cells()
    compile_s, _ = _timed(lambda: epsinas(cells[:1], x_BCHW[:2, :, :4, :4], cells=1))
    plain_epsinas(cells[-1], x_BCHW)  # what only the first run pays is not compared

    plain_cells = cells[:NUM_PLAIN_CELLS]
    plain_s, plain = _timed(lambda: [plain_epsinas(cell, x_BCHW) for cell in plain_cells])
    torch_s, _ = _timed(lambda: [_of_our_network(cell, x_BCHW) for cell in plain_cells])
    ours_s, ours = _timed(lambda: epsinas(cells, x_BCHW, num_threads=threads))
    _compare(ours[:NUM_PLAIN_CELLS], np.array(plain))
    all_cells = list(product(range(len(OPERATIONS)), repeat=6))
    whole_s, values = _timed(lambda: epsinas(all_cells, x_BCHW, num_threads=threads))

    one_s, each_s = plain_s / NUM_PLAIN_CELLS, ours_s / NUM_CELLS
    under = f"batch {NUM_IMAGES}, 16 channels, 5 cells a stage, 32 x 32, {threads} threads"
    return [
        {
            "name": "epsinas_collapse",
            "ours": each_s,
            "theirs": one_s,
            "ratio": one_s / each_s,
            "unit": "s",
            "what": f"one cell; {under}; ours: mean of {NUM_CELLS} random cells in one call; "
            f"theirs: the first {NUM_PLAIN_CELLS}, built and run in the form of public code; our "
            f"own torch network takes {torch_s / NUM_PLAIN_CELLS:.3g} s; not counted: compiling "
            f"once, or loading what was compiled, {compile_s:.2g} s",
        },
        {
            "name": "epsinas_whole_space_s",
            "ours": whole_s,
            "theirs": one_s * len(all_cells),
            "ratio": one_s * len(all_cells) / whole_s,
            "unit": "s",
            "what": f"all {len(all_cells):,} cells, {int(np.isfinite(values).sum()):,} of them "
            f"defined; {under}; theirs is extrapolated from {NUM_PLAIN_CELLS} random cells",
        },
    ]


def plain_epsinas(arch: Arch, x_BCHW: np.ndarray) -> float:
    """Build the network, fill its weights with either constant, run it."""
    net = PlainNetwork([OPERATIONS[choice] for choice in arch], num_classes=1)
    return score_of_outputs(*(_outputs(net, constant, x_BCHW) for constant in CONSTANTS))


@torch.no_grad()
def _outputs(net: nn.Module, constant: float, x_BCHW: np.ndarray) -> torch.Tensor:
    for name, parameter in net.named_parameters():
        parameter.fill_(0 if name.endswith("bias") else constant)
    return net(torch.from_numpy(x_BCHW)).flatten()


def _of_our_network(arch: Arch, x_BCHW: np.ndarray) -> float:
    build = partial(networks["nasbench201"], arch, shape=SHAPE, device=torch.device("cpu"))
    batch = Batch(torch.from_numpy(x_BCHW), torch.zeros(NUM_IMAGES, dtype=torch.int64), 10)
    return proxies["epsinas"](Probe(build, batch, seed=0))


def _compare(ours: np.ndarray, theirs: np.ndarray) -> None:
    """The same cells are undefined, and the others have the same values.

    Raises:
        AssertionError: they have not.
    """
    np.testing.assert_allclose(ours, theirs, rtol=TOLERANCE, atol=TOLERANCE * TINY)


def _images() -> np.ndarray:
    """Noise with the smoothness and the differences in contrast that photographs have."""
    rng = np.random.default_rng(0)
    noise_BCHW = rng.standard_normal((NUM_IMAGES, *SHAPE)).cumsum(2).cumsum(3)
    x_BCHW = noise_BCHW * rng.uniform(0.2, 2, (NUM_IMAGES, 1, 1, 1))
    return (x_BCHW / x_BCHW.std()).astype(np.float32)


def _cells() -> list[Arch]:
    rng = np.random.default_rng(0)
    return [nasbench201.sample(rng) for _ in range(NUM_CELLS)]


def _timed(call: Callable[[], object]) -> tuple[float, object]:
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


if __name__ == "__main__":
    for row in rows():
        print(row)
