"""What a worker with the fake engine offers, printed as ``workers.offering`` does."""

import sys

from search.catalogue import Catalogue, Device, Plugin

CATALOGUE = Catalogue(
    plugins=(
        Plugin(
            kind="space", name="nasbench201", traits={"size": 15_625, "equivalences": ["exact"]}
        ),
        Plugin(kind="network", name="nasbench201"),
        Plugin(
            kind="strategy", name="random", traits={"visits_once": True, "is_independent": True}
        ),
        Plugin(kind="strategy", name="regularized_evolution", traits={"visits_once": False}),
        Plugin(kind="proxy", name="synflow", traits={"direction": "maximize"}),
        Plugin(kind="cost", name="params", traits={"direction": "minimize"}),
        Plugin(kind="dataset", name="digits", traits={"available": True, "num_train": 1000}),
    ),
    devices=(Device(type="cpu", name="fake"),),
)

if __name__ == "__main__":
    sys.stdout.write(CATALOGUE.model_dump_json())
