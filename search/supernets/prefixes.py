"""What is known after the leading links of networks: activations, and statistics of norms.

Shapes: B images.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from torch import Tensor

from search.supernets.links import Link
from search.supernets.norms import CollectingNorms, FixedNorms, Moments, Norms

Key = tuple[Hashable, ...]

MAX_COUNTS = 500_000  # of beginnings that were announced; then counting starts anew


@dataclass(frozen=True)
class Known:
    """After some links.

    Attributes:
        calibration: activations of batches of training images, where norms are calibrated.
        test: activations of batches to evaluate on.
        moments: of the norms so far, where they are calibrated.
    """

    calibration: list[Tensor]
    test: list[Tensor]
    moments: dict[str, Moments]

    @property
    def num_bytes(self) -> int:
        """Of all activations."""
        return sum(x.numel() * x.element_size() for x in (*self.calibration, *self.test))


class Prefixes:
    """Runs chains, and remembers activations after their leading links.

    Only beginnings that were announced at least twice are kept: memory that is used again is
    faster than memory that is not. Those of the chain that is run stay, shorter ones rather than
    longer ones; those of other chains make room, the least recently used first.

    Args:
        start: the images.
        norms: what normalises the evaluation; None for statistics from the calibration.
        max_bytes: of activations that are kept.
    """

    def __init__(self, start: Known, norms: Callable[[], Norms] | None, max_bytes: int) -> None:
        self._start, self._norms, self._max_bytes = start, norms, max_bytes
        self._known: OrderedDict[Key, Known] = OrderedDict()
        self._num_bytes = 0
        self._counts: Counter[int] = Counter()  # of hashes of beginnings
        self.links_run = 0

    def announce(self, chains: Iterable[Key]) -> None:
        """Say what is going to be run, once for each chain."""
        if len(self._counts) > MAX_COUNTS:
            self._counts.clear()
        for keys in chains:
            self._counts.update(hash(keys[:end]) for end in range(1, len(keys)))

    def run(self, links: Sequence[Link], keys: Key) -> Known:
        """What is known after all links.

        Args:
            links: of one network.
            keys: of each link.
        """
        prefixes = [keys[:end] for end in range(1, len(keys))]
        first = next((n for n in reversed(range(len(prefixes))) if prefixes[n] in self._known), -1)
        known = self._known[prefixes[first]] if first >= 0 else self._start
        for prefix in reversed(prefixes[: first + 1]):
            if prefix in self._known:
                self._known.move_to_end(prefix)
        own = set(prefixes)
        for place in range(first + 1, len(links)):
            known = self._after(known, links[place])
            if place < len(prefixes) and self._counts[hash(prefixes[place])] > 1:
                self._keep(prefixes[place], known, own)
        return known

    def _after(self, known: Known, link: Link) -> Known:
        self.links_run += 1
        if self._norms:
            norms = self._norms()
            return Known([], [link.run(x, norms) for x in known.test], {})
        collecting = CollectingNorms()
        calibration = [link.run(x, collecting) for x in known.calibration]
        fixed = FixedNorms(collecting.moments)
        test = [link.run(x, fixed) for x in known.test]
        return Known(calibration, test, known.moments | collecting.moments)

    def _keep(self, prefix: Key, known: Known, own: set[Key]) -> None:
        size = known.num_bytes
        others = [key for key in self._known if key not in own]
        while self._num_bytes + size > self._max_bytes and others:
            self._num_bytes -= self._known.pop(others.pop(0)).num_bytes
        if self._num_bytes + size <= self._max_bytes:
            self._known[prefix] = known
            self._num_bytes += size


def in_order(chains: Sequence[Key]) -> list[int]:
    """Places of chains, so that those that begin alike follow each other."""
    numbers: dict[Key, int] = {}
    orders = []
    for keys in chains:
        prefixes = [keys[:end] for end in range(1, len(keys) + 1)]
        orders.append([numbers.setdefault(prefix, len(numbers)) for prefix in prefixes])
    return sorted(range(len(chains)), key=orders.__getitem__)
