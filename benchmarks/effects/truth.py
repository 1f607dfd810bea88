"""Tables of networks trained alone."""

from functools import partial

from benchmarks.effects import elastic
from benchmarks.effects.conv_81 import Conv81
from benchmarks.effects.images import digits
from benchmarks.effects.protocol import Arm, Bench, Measures
from benchmarks.effects.supernets import alone
from search.spaces import Arch, spaces

NUM_SEEDS = 3


def archs_of_table(table: str) -> list[Arch]:
    """Those that are trained alone, in order."""
    if table == elastic.SPACE:
        return elastic.probes()
    space = Conv81() if table == "conv_81" else spaces[table]
    return [space.at(number) for number in range(space.size)]


def all_alone(bench: Bench, seed: int, *, table: str, epochs: int, lr: float) -> Measures:
    """Accuracy on the test part of every network of a table, 0 to 1."""
    found = [
        alone(table, arch, digits(), epochs=epochs, lr=lr, seed=seed)
        for arch in archs_of_table(table)
    ]
    return {"scores": found}


TABLES = {
    name: Arm(name, partial(all_alone, table=name, epochs=epochs, lr=lr))
    for name, epochs, lr in (("cell_27", 3, 0.05), ("elastic_tiny", 8, 0.05), ("conv_81", 4, 0.05))
}
