"""Which of two results is better: feasible first, then by violation; no value comes last."""

from search.strategies import Result

Rank = tuple[int, float, float, int]


def constraint_rank(result: Result) -> tuple[int, float]:
    """Lower is better: (0, 0) feasible, (1, violation) infeasible, (2, 0) not known."""
    if result.violation is None:
        return (2, 0.0)
    return (1, result.violation) if result.violation > 0 else (0, 0.0)


def rank(result: Result, objective: int) -> Rank:
    """Lower is better in the objective at this place, counted from 0; older wins a tie."""
    value = result.values[objective]
    if value is None:
        return (3, 0.0, 0.0, result.number)
    return (*constraint_rank(result), value, result.number)
