"""Small supernets to test with."""

import numpy as np
import pytest
import torch

from search.supernets.mixtures import build, mixtures

SMALL = {  # parameters that make a supernet quick
    "nasbench201": {"channels": 4, "cells": 1},
    "cell_27": {"channels": 4, "cells": 2},
    "cell_64": {"channels": 4, "cells": 2},
    "mobile": {"resolution": 16},
    "elastic_tiny": {},
    "vit": {"head_width": 4},
}


def small(name, source="entangled", seed=0, num_classes=5, shape=(3, 8, 8)):
    return build(
        name,
        shape=shape,
        num_classes=num_classes,
        source=source,
        generator=torch.Generator().manual_seed(seed),
        **SMALL[name],
    )


@pytest.fixture(params=mixtures)
def name(request):
    return request.param


@pytest.fixture
def images():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(6, 3, 8, 8, generator=generator)


@pytest.fixture
def rng():
    return np.random.default_rng(5)
