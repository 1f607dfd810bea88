"""Values of subnets of a trained supernet, evaluated ahead in groups that share work."""

import time
from collections.abc import Sequence

from search.meters import InheritedMeter
from search.probe import Measurement
from search.spaces import Arch
from search.supernets.trained import TrainedSupernet

GROUP_S = 0.5  # of work at once; then the run may be left
MAX_GROUP = 64

Timed = tuple[Measurement, float]  # and its share of the seconds


class Subnets:
    """Subnets that begin alike run once as far as they do, if they are evaluated together.

    Values are those of every subnet alone, so that groups change nothing but time.

    Args:
        trained: whose subnets.
    """

    def __init__(self, trained: TrainedSupernet) -> None:
        self._trained = trained
        self._waiting: dict[int, list[Arch]] = {}
        self._found: dict[tuple[int, Arch], Timed] = {}
        self._size = 1

    def expect(self, place: int, archs: Sequence[Arch]) -> None:
        """Say what will be asked for next.

        Args:
            place: of the objective.
            archs: instead of those that were expected before, in their order.
        """
        self._waiting[place] = list(dict.fromkeys(archs))
        known = set(archs)
        self._found = {k: v for k, v in self._found.items() if k[0] != place or k[1] in known}

    def value(self, place: int, meter: InheritedMeter, arch: Arch) -> Timed:
        """The value of an arch; whatever goes wrong with others in its group is not its affair.

        Args:
            place: of the objective.
            meter: of the objective.
            arch: that is asked for.
        """
        if (place, arch) not in self._found:
            others = (a for a in self._waiting.get(place, ()) if a != arch)
            unknown = [a for a in others if (place, a) not in self._found]
            self._evaluate(place, meter, [arch, *unknown[: self._size - 1]])
        return self._found.pop((place, arch))

    def _evaluate(self, place: int, meter: InheritedMeter, group: list[Arch]) -> None:
        began = time.perf_counter()
        try:
            measured = meter.measure(self._trained, group)
        except Exception:  # of any of them; alone it is known whose it is
            if len(group) == 1:
                raise
            self._size = 1
            self._evaluate(place, meter, group[:1])
            return
        seconds = (time.perf_counter() - began) / len(group)
        for arch, one in zip(group, measured, strict=True):
            self._found[place, arch] = one, seconds
        waiting = self._waiting.get(place, [])
        self._waiting[place] = [arch for arch in waiting if arch not in set(group)]
        self._size = max(1, min(MAX_GROUP, int(GROUP_S / max(seconds, 1e-6))))
