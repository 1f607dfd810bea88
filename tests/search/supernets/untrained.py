"""A supernet as searches use it, that nobody has trained."""

import numpy as np
import torch

from search.catalogue import CHECKPOINT_VERSION, CheckpointInfo
from search.standalone.examples import split
from search.supernets.making import supernet_of
from search.supernets.norms import NormPolicy
from search.supernets.recipes import recipes
from search.supernets.trained import TrainedSupernet


def untrained_supernet(space, images, *, network, recipe="spos", norms=None, seed=0):
    """Of a space, for a data set; its digest is made of the seed."""
    about = images.info
    info = CheckpointInfo(
        digest=f"{seed:032x}",
        version=CHECKPOINT_VERSION,
        space=space,
        network=network,
        shape=about.shape,
        num_classes=about.num_classes,
        dataset="digits",
        dataset_digest=about.digest,
        recipe=recipe,
        steps=0,
        seed=seed,
    )
    parts = recipes[recipe]()
    net = supernet_of(
        space, parts, shape=about.shape, num_classes=about.num_classes, seed=seed, **network
    ).requires_grad_(False)
    with torch.no_grad():  # norms that are not the identity, so that forgetting them shows
        generator = torch.Generator().manual_seed(seed)
        for slot in net.slots.values():
            for tensor in net.source.parameters_of(slot) if slot.kind == "norm" else ():
                tensor += 0.1 * torch.randn(tensor.shape, generator=generator)
    held_out = np.sort(split(images, validation_share=0.1).validation)
    policy = NormPolicy(norms or parts.norms)
    return TrainedSupernet(info.digest, info, net, policy, held_out, images)
