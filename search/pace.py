"""How far a run is, and how long it will take at the pace of this session."""

import time
from collections.abc import Callable

from search.spec import Budget
from search.tally import Tally


class Pace:
    """Time and shares of a run, in the session that begins now.

    Args:
        budget: of the search.
        num_trials: how many full trials there will be at most, as far as is known by now; None
            when only time bounds them.
        pool: how many archs are screened before the strategy begins.
    """

    def __init__(
        self, budget: Budget, num_trials: Callable[[], int | None], *, pool: int = 0
    ) -> None:
        self._budget = budget
        self._num_trials = num_trials
        self._pool = pool
        self._start = time.monotonic()
        self._elapsed_before = 0.0
        self._share_before = 0.0

    def go_on_from(self, tally: Tally) -> None:
        """Sessions before this one have come so far."""
        self._elapsed_before = tally.elapsed_s
        self._share_before = self.share(tally)

    @property
    def elapsed_s(self) -> float:
        """Seconds of work, of all sessions."""
        return self._elapsed_before + time.monotonic() - self._start

    def share(self, tally: Tally, under_way: float = 0.0) -> float:
        """How much of the budget is used up, 0 to 1: of what bounds it most.

        Args:
            tally: what has been counted so far.
            under_way: how much of the next trial is done, 0 to 1.
        """
        budget, shares = self._budget, []
        num_trials = self._num_trials()
        if num_trials is not None:
            done = tally.num_full + under_way + min(tally.num_screened, self._pool)
            shares.append(done / max(num_trials + self._pool, 1))
        if budget.minutes is not None:
            shares.append(self.elapsed_s / (60 * budget.minutes))
        if budget.clock_s is not None:
            shares.append(tally.clock_s / budget.clock_s)
        return min(1.0, max(shares, default=0.0))

    def eta_s(self, share: float) -> float | None:
        """Seconds until all is done, at the pace of this session; None before it has one."""
        gained, taken = share - self._share_before, time.monotonic() - self._start
        return (1 - share) / gained * taken if gained > 0 and taken > 0 else None
