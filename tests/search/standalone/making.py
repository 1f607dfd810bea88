"""A small network and small images for tests of trainings."""

import zlib

import numpy as np
import torch
from torch import nn

from search.datasets import DatasetInfo, Images, Part
from search.standalone.trainee import Trainee


def part(num, seed, size=6):
    """Images of two classes: the brighter half is left or right."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, num)
    pixels = rng.integers(0, 160, (num, size, size, 1))
    half = size // 2
    for place, label in enumerate(labels):
        pixels[place, :, label * half : (label + 1) * half] += 80
    kept = pixels.astype(np.uint8)
    return Part(labels, lambda places: kept[places])


def images(num_train=70, num_test=30, digest="d"):
    info = DatasetInfo(
        shape=(1, 6, 6), num_classes=2, num_train=num_train, num_test=num_test, digest=digest
    )
    return Images(info, part(num_train, 0), part(num_test, 1), mean=[0.4], deviation=[0.2])


class Net(nn.Module):
    """A convolution, a norm, dropout and a classifier; one layer is never run."""

    def __init__(self, num_classes, generator):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4)
        self.drop = nn.Dropout(0.1)
        self.head = nn.Linear(4 * 36, num_classes)
        self.never_run = nn.Linear(2, 2)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-0.3, 0.3, generator=generator)

    def forward(self, x_BCHW):
        return self.head(self.drop(self.norm(self.conv(x_BCHW)).relu()).flatten(1))


def build(*, num_classes, generator):
    with torch.random.fork_rng([]):  # what PyTorch draws at first is overwritten
        return Net(num_classes, generator)


def trainee(data_dir=None, *, seed=3, data=None, make=build):
    return Trainee(
        make,
        data or images(),
        seed=seed,
        device=torch.device("cpu"),
        key=lambda recipe: f"{zlib.crc32(repr(sorted(recipe.prefix().items())).encode()):032x}",
        data_dir=data_dir,
    )


def trained(steps):
    """What a training gives when nobody stops it."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def left_after(steps, epochs):
    """Listen until so many epochs are done, then go."""
    for pause in steps:
        if pause.is_epoch_end and pause.epoch == epochs:
            break
    steps.close()
