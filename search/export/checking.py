"""Whether what was written computes what the network computes, on real images.

Shapes: B images, C channels, H height, W width, K classes.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from safetensors.torch import load
from torch import Tensor, nn

from search.datasets import Images
from search.errors import ExportError
from search.export.code import network_from
from search.export.onnx_file import OnnxNetwork
from search.seeds import seed_of
from search.standalone.examples import Pixels, batches

MAX_IMAGES = 2000  # of the test part; of a larger one these are drawn
BATCH = 256
TOLERANCE = 1e-4  # largest difference of two logits, over the largest logit if that is above 1

Run = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Written:
    """Contents of files, by their names in the bundle.

    Attributes:
        class_name: of the network in ``model.py``.
    """

    files: Mapping[str, bytes]
    class_name: str

    def runs(self) -> dict[str, Run]:
        """What computes logits, by the files that it is made of."""
        found: dict[str, Run] = {}
        if "model.py" in self.files:
            net = network_from(self.files["model.py"].decode(), self.class_name)
            net.load_state_dict(load(self.files["weights.safetensors"]))
            found["model.py with weights.safetensors"] = net
        if "model.onnx" in self.files:
            session = OnnxNetwork(self.files["model.onnx"])
            found["model.onnx"] = lambda x: torch.from_numpy(session(x.contiguous().numpy()))
        return found


def checked(written: Written, net: nn.Module, images: Images) -> dict[str, Any]:
    """Compare with the network, and say how far they are apart.

    Args:
        written: the files.
        net: what they were written from, in evaluation mode.
        images: on whose test part all are run.

    Returns:
        The report, as JSON: differences of logits, and top-1 in percent.

    Raises:
        ExportError: a difference is above the tolerance, or not a number.
    """
    original = copy.deepcopy(net).cpu().eval()
    places = np.random.default_rng(seed_of("export", images.info.digest)).permutation(
        images.info.num_test
    )[:MAX_IMAGES]
    pixels = Pixels(images, images.test, torch.device("cpu"))
    runs: dict[str, Run] = {"original": original, **written.runs()}
    outputs: dict[str, list[Tensor]] = {name: [] for name in runs}
    labels = []
    with torch.no_grad():
        for piece in batches(np.sort(places), BATCH):
            x_BCHW, y_B = pixels.at(piece)
            labels.append(y_B)
            for name, run in runs.items():
                outputs[name].append(run(x_BCHW))
    logits = {name: torch.cat(found) for name, found in outputs.items()}
    return _report(logits, torch.cat(labels))


def _report(logits: Mapping[str, Tensor], y_N: Tensor) -> dict[str, Any]:
    expected_NK = logits["original"]
    largest = float(expected_NK.abs().max())
    allowed = TOLERANCE * max(1.0, largest)
    differences = {
        name: float((found_NK - expected_NK).abs().max())
        for name, found_NK in logits.items()
        if name != "original"
    }
    for name, difference in differences.items():
        if not difference <= allowed:  # nan is not
            raise ExportError(
                f"{name} differs from the network by {difference:.3g} in a logit, and "
                f"{allowed:.3g} is allowed ({len(y_N)} images of the test part)"
            )
    return {
        "images": len(y_N),
        "part": "test",
        "tolerance": f"{TOLERANCE:g} of the largest logit, and of 1 if that is less",
        "largest_logit": largest,
        "largest_difference": differences,
        "accuracy_percent": {
            name: 100 * float((found_NK.argmax(1) == y_N).double().mean())
            for name, found_NK in logits.items()
        },
        "other_predictions": {
            name: int((logits[name].argmax(1) != expected_NK.argmax(1)).sum())
            for name in differences
        },
    }
