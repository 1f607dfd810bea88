"""A space of a team's own: plain convolutional networks. Copy this file and rename it."""

from collections.abc import Mapping
from pathlib import Path

from search.choice_space import ChoiceSpace
from search.spaces import Arch, Decision, spaces

_NETWORK = Path(__file__).parent.parent / "networks" / "_plain_chain.py"


class PlainChain(ChoiceSpace):
    """Plain convolutional networks of some depth, width and kernel size."""

    decisions = (
        Decision("depth", ("1", "2", "3", "4")),
        Decision("width", ("4", "8", "16")),
        Decision("kernel", ("1", "3", "5")),
    )

    def python_source(
        self,
        arch: Arch,
        *,
        shape: tuple[int, int, int],
        num_classes: int,
        params: Mapping[str, object],
    ) -> str:
        """The file of the network, and a call."""
        depth, width, kernel = settings(arch)
        call = f"net = Network({depth}, {width}, {kernel}, {shape[0]}, {num_classes})\n"
        return f"{_NETWORK.read_text('utf-8')}\n\n{call}"


def settings(arch: Arch) -> tuple[int, int, int]:
    """Depth, width and kernel size of an arch."""
    depth, width, kernel = (
        int(decision.choices[choice])
        for decision, choice in zip(PlainChain.decisions, arch, strict=True)
    )
    return depth, width, kernel


plain_chain = spaces.register(PlainChain())
