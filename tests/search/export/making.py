"""Small networks to export."""

import numpy as np
import torch

from search.networks import networks
from search.spaces import spaces

SHAPE = (3, 8, 8)
SMALL = {  # parameters that make a network quick
    "nasbench201": {"channels": 4, "cells": 1},
    "nasbench101": {"channels": 8, "modules": 1},
    "nasbench_macro": {"channels": 4, "features": 16},
    "darts": {"channels": 4, "cells": 3},
    "mobile": {"resolution": 16},
}


def network(name, seed=0, shape=SHAPE, arch=None):
    """Of a random arch, with statistics of norms that are not those of the start."""
    net = networks[name](
        spaces[name].sample(np.random.default_rng(seed)) if arch is None else arch,
        shape=shape,
        num_classes=5,
        generator=torch.Generator().manual_seed(seed),
        device=torch.device("cpu"),
        **SMALL.get(name, {}),
    )
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _ in range(2):
            net(torch.randn(8, *shape, generator=generator))
    return net


def logits(net, x_BCHW):
    with torch.no_grad():
        return net.eval()(x_BCHW)
