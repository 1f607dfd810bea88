"""A trained supernet as a file, and what can be asked of it.

Shapes: B images, C channels, H height, W width.
"""

import io
import json
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from search import artifacts
from search.catalogue import CHECKPOINT_VERSION, CheckpointInfo
from search.checkpoint_file import EXTENSION, HELD_OUT, KEY, described
from search.datasets import Images
from search.errors import DataError
from search.events import Artifact
from search.parameters import bind
from search.probe import Measurement
from search.seeds import seed_of
from search.spaces import Arch
from search.standalone.examples import Pixels
from search.supernets.accuracy import SubnetAccuracy
from search.supernets.making import supernet_of
from search.supernets.mix import onehot
from search.supernets.mixtures import mixtures
from search.supernets.norms import FixedNorms, NormPolicy, TrackedNorms, calibrated
from search.supernets.recipes import recipes
from search.supernets.splitting import parts_of, planted
from search.supernets.supernet import Supernet
from search.supernets.training import Training

EVALUATION_BATCH = 256
Examined = Literal["held_out", "test"]

_NET, _MEAN, _VARIANCE = "net.", "mean.", "variance."


def keep(
    data_dir: Path,
    training: Training,
    *,
    held_out: NDArray[np.int64],
    info: Mapping[str, Any],
    name: str,
) -> Artifact:
    """Write the supernet of a training as an artifact.

    Args:
        data_dir: where artifacts lie.
        training: that is done, or between two steps.
        held_out: places in the training part that it has not seen.
        info: fields of a ``CheckpointInfo`` that say what was trained, and by what.
        name: for people.

    Raises:
        DivergedError: the weights are not worth keeping; nothing is written.
    """
    training.require_sound()
    net, norms = training.net, training.norms.training
    tensors = {f"{_NET}{key}": _plain(value) for key, value in net.state_dict().items()}
    if isinstance(norms, TrackedNorms):
        for place, (mean_C, variance_C) in norms.moments.items():
            tensors[_MEAN + place], tensors[_VARIANCE + place] = _plain(mean_C), _plain(variance_C)
    tensors[HELD_OUT] = torch.from_numpy(held_out.copy())
    info = {
        **info,
        "version": CHECKPOINT_VERSION,
        "steps": training.steps_done,
        "num_steps": training.num_steps,
    }
    header = {
        **info,
        "archfront": version("archfront"),
        "parts": [list(map(list, part)) for part in parts_of(net)],
        "norms": training.norms.kind,
    }
    text = json.dumps(header, sort_keys=True, separators=(",", ":"))
    content = save(tensors, {KEY: text})
    digest, _ = artifacts.keep(data_dir, content, EXTENSION)
    return Artifact("checkpoint", name, digest, len(content), dict(info))


class TrainedSupernet:
    """A trained supernet, as searches use it: it never changes.

    Attributes:
        digest: of its file.
        info: what it is.
        held_out: places in the training part that it has not been trained on.
    """

    def __init__(  # what belongs to it
        self,
        digest: str,
        info: CheckpointInfo,
        net: Supernet,
        norms: NormPolicy,
        held_out: NDArray[np.int64],
        images: Images,
    ) -> None:
        self.digest, self.info, self.net, self.norms = digest, info, net, norms
        self.held_out = held_out
        self._images = images
        self._device = next(net.parameters()).device
        self._by_settings: dict[tuple[Examined, int, int], SubnetAccuracy] = {}

    def accuracies(
        self, archs: Sequence[Arch], part: Examined, batches: int, batch_size: int
    ) -> list[Measurement]:
        """Top-1 of subnets with inherited weights, in percent.

        Args:
            archs: which.
            part: on which examples.
            batches: of training images, from which a subnet's norms get their statistics.
            batch_size: images of each.

        Raises:
            ValueError: one of them is no arch of the space; nothing is evaluated.
        """
        shares = self.evaluation(part, batches, batch_size).of_all(archs)
        num = len(self.held_out) if part == "held_out" else self._images.info.num_test
        details = {"checkpoint": self.digest, "examples": num, "norms": self.norms.kind}
        return [Measurement(100 * share, dict(details)) for share in shares]

    def evaluation(self, part: Examined, batches: int, batch_size: int) -> SubnetAccuracy:
        """What evaluates subnets on a part; made once."""
        key = (part, batches, batch_size)
        if key not in self._by_settings:
            self._by_settings[key] = SubnetAccuracy(
                self.net,
                self.norms,
                calibration(self._images, self.held_out, batches, batch_size, self._device),
                labelled(self._images, self._device, None if part == "test" else self.held_out),
            )
        return self._by_settings[key]

    def collapse(self, arch: Arch, *, batches: int = 64, batch_size: int = 64) -> nn.Module:
        """The plain network of a subnet, ready for inference, with inherited weights.

        Its norms have the statistics that it is evaluated with. Under a policy that has none,
        they are calibrated to it.

        Args:
            arch: the subnet.
            batches: of training images, for the calibration.
            batch_size: images of each.
        """
        mix = onehot(arch)
        norms = self.evaluation("held_out", batches, batch_size).norms(mix)
        if not isinstance(norms, FixedNorms):
            norms = calibrated(
                lambda x_BCHW, norms: self.net(x_BCHW, mix, norms),
                calibration(self._images, self.held_out, batches, batch_size, self._device),
            )
        return self.net.collapse(arch, norms).eval()


def load_trained(
    data_dir: Path, digest: str, images: Images, device: torch.device
) -> TrainedSupernet:
    """Read a trained supernet.

    Args:
        data_dir: where artifacts lie.
        digest: of its file.
        images: the data set that it was trained on, to evaluate on.
        device: where it is to live.

    Raises:
        DataError: the file is missing, damaged or no supernet that can be used here.
    """
    content = artifacts.read(data_dir, digest)
    header, info = described(io.BytesIO(content), digest)
    if info.version != CHECKPOINT_VERSION:
        raise DataError(
            f"the checkpoint {digest} is of version {info.version}, and version "
            f"{CHECKPOINT_VERSION} is needed: train the supernet anew"
        )
    missing = [n for n, r in ((info.space, mixtures), (info.recipe, recipes)) if n not in r]
    if missing:
        raise DataError(f"the checkpoint {digest} needs {missing[0]}, which this worker lacks")
    try:
        return _built(header, info, load(content), images, device)
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        RuntimeError,
        SafetensorError,
    ) as error:
        raise DataError(f"the checkpoint {digest} does not fit: {error}") from None


def _built(
    header: Mapping[str, Any],
    info: CheckpointInfo,
    tensors: Mapping[str, Tensor],
    images: Images,
    device: torch.device,
) -> TrainedSupernet:
    """The network that a file describes, with what the file holds."""
    _require_sound(tensors, images.info.num_train)
    maker = recipes[info.recipe]
    recipe = maker(**bind(maker, info.recipe_params))
    fresh = supernet_of(
        info.space,
        recipe,
        shape=info.shape,
        num_classes=info.num_classes,
        seed=info.seed,
        device=device,
        **info.network,
    )
    net = planted(fresh, [tuple(map(tuple, part)) for part in header["parts"]])
    state = {k.removeprefix(_NET): v for k, v in tensors.items() if k.startswith(_NET)}
    net.load_state_dict(state)
    norms = NormPolicy(recipe.norms, recipe.momentum_of_norms)
    places = [k.removeprefix(_MEAN) for k in tensors if k.startswith(_MEAN)]
    moments = {
        p: [tensors[_MEAN + p].to(device), tensors[_VARIANCE + p].to(device)] for p in places
    }
    norms.load_state_dict(moments)
    held_out = tensors[HELD_OUT].numpy()
    return TrainedSupernet(info.digest, info, net.requires_grad_(False), norms, held_out, images)


def _require_sound(tensors: Mapping[str, Tensor], num_train: int) -> None:
    """Refuse what can be read but not be used.

    Raises:
        ValueError: a tensor is not finite, or what was held out is no part of the data set.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{name} is not finite")
    held_out = tensors[HELD_OUT]
    is_list = held_out.dtype == torch.int64 and held_out.ndim == 1 and len(held_out) > 0
    if not is_list or int(held_out.min()) < 0 or int(held_out.max()) >= num_train:
        raise ValueError(f"what was held out are no places among {num_train:,} training images")


def calibration(
    images: Images,
    held_out: NDArray[np.int64],
    batches: int,
    batch_size: int,
    device: torch.device,
) -> list[Tensor]:
    """Batches of training images, the same for every supernet of a data set; none is held out.

    Where there are too few images for all batches there are fewer, of one at least.
    """
    trained = np.setdiff1d(np.arange(images.info.num_train), held_out)
    rng = np.random.default_rng(seed_of("calibration", images.info.digest))
    order = rng.permutation(trained)
    pixels = Pixels(images, images.train, device)
    num = max(1, min(batches, len(order) // batch_size))
    pieces = (order[place * batch_size : (place + 1) * batch_size] for place in range(num))
    return [pixels.at(piece).x_BCHW for piece in pieces]


def labelled(
    images: Images, device: torch.device, places: NDArray[np.int64] | None
) -> list[tuple[Tensor, Tensor]]:
    """Images with their classes, in batches: those held out, or the test part for None."""
    pixels = Pixels(images, images.test if places is None else images.train, device)
    chosen = np.arange(images.info.num_test) if places is None else places
    starts = range(0, len(chosen), EVALUATION_BATCH)
    found = (pixels.at(chosen[start : start + EVALUATION_BATCH]) for start in starts)
    return [(batch.x_BCHW, batch.y_B) for batch in found]


def _plain(tensor: Tensor) -> Tensor:
    """A copy on the CPU that shares nothing, in the order of its axes."""
    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
