"""Which of two results is better: feasible first, then by violation; no value comes last."""

from typing import Annotated

from pydantic import Field

from search.strategies import Result

Rank = tuple[int, float, float, int]

Place = Annotated[
    int, Field(ge=1, le=32, description="Which objective it optimises; 1 is the first.")
]
Guide = Annotated[
    int,
    Field(ge=1, le=32, description="Which objective chooses what to look at; 1 is the first."),
]
Candidates = Annotated[
    int, Field(ge=2, le=1000, description="With a guide: how many archs it chooses from.")
]


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
