"""Strict fairness: every choice of every decision once a step.

FairNAS (Chu et al., 2021, arXiv:1907.01845), from its definition.
"""

from search.spaces import Space
from search.supernets.mix import counts_of
from search.supernets.paths import PathSampler
from search.supernets.steps import Moment, Pass, pass_of


class FairPermutation(PathSampler):
    """As many architectures a step as a decision has choices; no two agree in any decision.

    Their gradients are summed, then one step is taken.
    """

    @classmethod
    def unfit_reason(cls, space: Space) -> str | None:
        """Decisions have different numbers of choices."""
        reason = super().unfit_reason(space)
        if reason:
            return reason
        counts = sorted({len(decision.choices) for decision in space.decisions})
        if len(counts) == 1:
            return None
        return (
            "strict fairness needs decisions of equally many choices; here they have "
            f"{', '.join(map(str, counts))}"
        )

    def passes(self, moment: Moment) -> list[Pass]:
        """One for each choice."""
        orders = [self.rng.permutation(count).tolist() for count in counts_of(self.space)]
        return [pass_of(arch) for arch in zip(*orders, strict=True)]
