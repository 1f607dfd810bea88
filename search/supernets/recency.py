"""Which architecture was trained last: right after its turn it does better than it will soon do.

Deeper Insights (Zhang et al., 2020, arXiv:2001.01431) calls for this to be watched.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from search.spaces import Arch
from search.supernets.steps import Report


class LastTrained:
    """Remembers when each of some architectures was trained, and which one was of all.

    Mixtures of several architectures count for none.

    Args:
        archs: that are asked about.
    """

    def __init__(self, archs: Sequence[Arch]) -> None:
        self._archs = list(archs)
        self._steps: dict[Arch, int] = dict.fromkeys(archs, 0)  # done then; 0 for never
        self.arch: Arch | None = None

    def note(self, report: Report) -> None:
        """Take in a step; of several architectures the one whose pass came last."""
        for one in report.passes:
            arch = one.done.mix.arch
            if arch is not None:
                self.arch = arch
                if arch in self._steps:
                    self._steps[arch] = report.step + 1

    def ago(self, step: int) -> list[int | None]:
        """How many steps lie behind each one's last turn, 0 for the latest; None for no turn.

        Args:
            step: steps that are done.
        """
        turns = [self._steps[arch] for arch in self._archs]
        return [step - turn if turn else None for turn in turns]

    def state_dict(self) -> dict[str, Any]:
        """Plain values."""
        turns = [self._steps[arch] for arch in self._archs]
        return {"turns": turns, "arch": None if self.arch is None else list(self.arch)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Inverse of :meth:`state_dict`."""
        self._steps = dict(zip(self._archs, state["turns"], strict=True))
        self.arch = None if state["arch"] is None else tuple(state["arch"])
