"""Whether a benchmark that serves as the truth was measured on what searches looked at."""

from collections.abc import Iterable

from db.models import Job
from search.spec import TABLE


def looked_at(jobs: Iterable[Job]) -> tuple[str, ...]:
    """The data that searches scored or trained architectures on; none of mere look-ups."""
    names = (
        str((job.spec.get("data") or {}).get("name") or "")
        for job in jobs
        if job.spec.get("supernet") or any(o["metric"] != TABLE for o in job.spec["objectives"])
    )
    return tuple(sorted({name for name in names if name}))


def warning(truth: str, dataset: str, searches: tuple[str, ...], who: str = "this search") -> str:
    """What must be said beside the truth; empty where all is of the same data.

    Args:
        truth: the name of the column.
        dataset: that it is of; empty where that is not recorded.
        searches: the data that they looked at.
        who: looked at it.
    """
    others = [name for name in searches if _plain(name) != _plain(dataset)]
    if not others:
        return ""
    looked = f"{who} looked at {' and '.join(others)}"
    if not dataset:
        return f"{truth}: data not recorded; {looked}."
    return f"{truth} was measured on {dataset}, {looked}."


def _plain(name: str) -> str:
    """CIFAR-10 and cifar10 are the same."""
    return "".join(c for c in name.lower() if c.isalnum())
