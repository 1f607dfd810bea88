"""Into how many slices a search is cut, so that several workers can share it. No torch here."""

from search.catalogue import Catalogue
from search.check import num_evaluations
from search.spec import TABLE, Spec

MAX_SLICES = 64
MIN_TRIALS = 200  # of a slice; a trial takes from a hundredth of a second to some seconds
MIN_TRAININGS = 1  # of a slice when every trial trains a network, which takes minutes
MAX_TRIALS = 1_000_000  # of a sweep; every worker goes through the sequence of its proposals


def num_slices(spec: Spec, catalogue: Catalogue) -> int:
    """How many slices make sense; 0 when the search runs whole.

    Only a sweep can be cut: a strategy whose proposals do not depend on results, a budget of
    trials alone, no warm start, no supernet to train and nothing to export. It must be worth it:
    lookups are faster than their rows are written, and a slice of few trials costs more than it
    gains.
    """
    num_trials = num_evaluations(spec, catalogue)
    if not _is_sweep(spec, catalogue) or num_trials is None or num_trials > MAX_TRIALS:
        return 0
    num = min(num_trials // _min_trials(spec, catalogue), MAX_SLICES)
    return num if num > 1 else 0


def _is_sweep(spec: Spec, catalogue: Catalogue) -> bool:
    strategy = catalogue.plugin("strategy", spec.strategy.name)
    budget = spec.budget
    return (
        strategy is not None
        and bool(strategy.traits.get("is_independent"))
        and budget.trials is not None
        and budget.minutes is None
        and budget.clock_s is None
        and spec.warm_start is None
        and (spec.supernet is None or spec.supernet.recipe is None)
        and spec.export is None
        and any(objective.metric != TABLE for objective in spec.objectives)
    )


def _min_trials(spec: Spec, catalogue: Catalogue) -> int:
    trained = set(catalogue.names("training"))
    is_trained = any(objective.metric in trained for objective in spec.objectives)
    return MIN_TRAININGS if is_trained else MIN_TRIALS
