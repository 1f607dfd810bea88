"""A tiny elastic residual network: width, depth, kernel and expansion of two stages.

Our own, for experiments with weight sharing that take minutes: 5,184 networks.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from search.spaces import Arch, Decision, Drawing, Edge, Node, spaces
from search.spaces._choice_space import ChoiceSpace
from search.spaces._export import network_code

WIDTHS = (8, 16, 24, 32)
DEPTHS = (1, 2, 3)
KERNELS = (1, 3, 5)
EXPANSIONS = (1, 2)
NUM_STAGES = 2
KINDS = ("width", "depth", "kernel", "expansion")

_CHOICES = (WIDTHS, DEPTHS, KERNELS, EXPANSIONS)
_STAGE = re.compile(r"w(\d+)d(\d+)k(\d+)e(\d+)", re.ASCII)


class ElasticTiny(ChoiceSpace):
    """A tiny residual network; each of two stages has a width, depth, kernel and expansion."""

    decisions = tuple(
        Decision(f"stage {stage} {kind}", tuple(map(str, choices)), kind)
        for stage in range(1, NUM_STAGES + 1)
        for kind, choices in zip(KINDS, _CHOICES, strict=True)
    )

    def encode(self, arch: Arch) -> str:
        """Both stages, such as ``w16d2k3e1-w32d3k5e2``."""
        return "-".join("w{}d{}k{}e{}".format(*stage) for stage in stages_of(arch))

    def decode(self, text: str) -> Arch:
        """Read the text form.

        Raises:
            ValueError: names the stage and the value that cannot be read.
        """
        parts = text.strip().split("-")
        if len(parts) != NUM_STAGES:
            raise ValueError(
                f"a network has {NUM_STAGES} stages joined by '-', such as "
                f"w16d2k3e1-w32d3k5e2, not {text[:80]!r}"
            )
        return tuple(c for number, part in enumerate(parts, 1) for c in _stage(number, part))

    def drawing(self, arch: Arch) -> Drawing:
        """A chain of feature maps; the arrows are the blocks, stage by stage."""
        blocks = [
            (f"{stage}.{block}", f"{kernel}x{kernel}, {width} channels, expansion {expansion}")
            for stage, (width, depth, kernel, expansion) in enumerate(stages_of(arch), 1)
            for block in range(1, depth + 1)
        ]
        names = ["input", *(name for name, _ in blocks[:-1]), "output"]
        roles = {"input": "input", "output": "output"}
        nodes = tuple(Node(name, name, roles.get(name, "node")) for name in names)
        edges = tuple(
            Edge(source, target, label, "mb_conv")
            for (source, target), (_, label) in zip(pairwise(names), blocks, strict=True)
        )
        return Drawing(nodes, edges, caption=self.encode(arch))

    def python_source(
        self,
        arch: Arch,
        *,
        shape: tuple[int, int, int],
        num_classes: int,
        params: Mapping[str, object],
    ) -> str:
        """PyTorch code of the network; needs torch and nothing else.

        Args:
            arch: the network.
            shape: channels, height and width of one image.
            num_classes: how many outputs.
            params: parameters of the network builder; there are none.
        """
        arguments = {
            "stages": stages_of(arch),
            "image_channels": shape[0],
            "num_classes": num_classes,
            **params,
        }
        return network_code("_elastic_tiny", self.encode(arch), arguments, shape=shape)


elastic_tiny = spaces.register(ElasticTiny())


def stages_of(arch: Arch) -> list[tuple[int, int, int, int]]:
    """Width, depth, kernel and expansion of each stage."""
    return [
        (WIDTHS[width], DEPTHS[depth], KERNELS[kernel], EXPANSIONS[expansion])
        for width, depth, kernel, expansion in (arch[:4], arch[4:])
    ]


def _stage(number: int, text: str) -> list[int]:
    found = _STAGE.fullmatch(text)
    if not found:
        raise ValueError(f"stage {number}: {text[:40]!r} is not of the form w16d2k3e1")
    return [
        _choice(f"stage {number} {kind}", value, choices)
        for kind, value, choices in zip(KINDS, found.groups(), _CHOICES, strict=True)
    ]


def _choice(where: str, value: str, known: Sequence[int]) -> int:
    names = [str(choice) for choice in known]
    if value not in names:
        raise ValueError(f"{where}: {value[:40]} is none of {', '.join(names)}")
    return names.index(value)
