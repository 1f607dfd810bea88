"""Everything that is wrong with a description, told at once.

Names and parameters can be held against what workers offer only when all has the right shape. So
what has the wrong one is mended for that look: left out, or replaced by something that nobody
complains of. What would be said of the replacement is not told. No torch here.
"""

import copy
from collections.abc import Mapping, Sequence, Set
from typing import Any

from search.catalogue import Catalogue
from search.check import check
from search.errors import SpecError
from search.spec import LISTED, TABLE, Submission, parse_submission

# So much else refers to these that nothing can be said without them.
_NEEDED = frozenset({"", "version", "space", "space.name", "network", "data", "data.name"})
_REPLACEMENTS: Mapping[str, Any] = {
    "name": "unnamed",
    "strategy": {"name": LISTED},
    "warm_start": None,
    "supernet": {"checkpoint": "0" * 32},
    "export": None,
    "budget": {"trials": 1},
}
_WITH_THE_WHOLE = frozenset(  # these fields are not left out: the part is replaced
    {"strategy.name", "supernet.recipe", "supernet.recipe.name", "supernet.checkpoint"}
)
_READ_STRATEGY = ("export", "warm_start", "control")
_READ_OBJECTIVES = ("export", "warm_start.objective", "strategy.params", "budget.clock_s")


def checked(content: object, catalogue: Catalogue) -> Submission:
    """Read what a form, a file or a request describes, and hold it against what is offered.

    Raises:
        SpecError: the message of every wrong field by its dotted path, as far as one can be
            judged while others are wrong.
    """
    try:
        submission = parse_submission(content)
    except SpecError as error:
        later = _later(content, error.fields, catalogue)
        raise SpecError({**error.fields, **later}) from None
    check(submission, catalogue)
    return submission


def _later(content: object, wrong: Mapping[str, str], catalogue: Catalogue) -> dict[str, str]:
    """What else would be told if the fields that are *wrong* had the right shape."""
    found: dict[str, str] = {}
    silent: set[str] = set()
    mended = copy.deepcopy(content)
    while wrong and isinstance(mended, dict) and _NEEDED.isdisjoint(wrong):
        before = copy.deepcopy(mended)
        for path in wrong:
            silent |= _mend(mended, path)
        if mended == before:
            break
        wrong, names = _problems(mended, catalogue)
        told = {**wrong, **names}
        found |= {path: why for path, why in told.items() if not _is_silent(path, silent)}
    return found


def _problems(
    content: object, catalogue: Catalogue
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Fields of the wrong shape; when there are none, those with wrong names or parameters."""
    try:
        submission = parse_submission(content)
    except SpecError as error:
        return error.fields, {}
    try:
        check(submission, catalogue)
    except SpecError as error:
        return {}, error.fields
    return {}, {}


def _is_silent(path: str, silent: Set[str]) -> bool:
    """The field, one inside it or one that it is inside of, has been told or mended."""
    return any(
        path == other or path.startswith(f"{other}.") or (path and other.startswith(f"{path}."))
        for other in silent
    )


def _mend(content: dict[str, Any], path: str) -> set[str]:
    """Make a field right, in place; returned is what nothing more can be said of."""
    part, *inner = path.split(".")
    if part == "objectives":
        return {_mend_objectives(content, inner), *_READ_OBJECTIVES}
    is_left_out = path not in _WITH_THE_WHOLE and _leave_out(content, [part, *inner])
    if part in _REPLACEMENTS and not (is_left_out and inner):
        content[part] = copy.deepcopy(_REPLACEMENTS[part])
        return {part, *(_READ_STRATEGY if part == "strategy" else ())}
    return {path}


def _mend_objectives(content: dict[str, Any], inner: Sequence[str]) -> str:
    """Make something of the objectives right, in place; what it is."""
    given = content.get("objectives")
    if not inner or not isinstance(given, list):
        content["objectives"] = [_nothing(0)]
        return "objectives"
    place, *field = inner
    number = int(place)
    if field == ["name"]:
        item = given[number]
        as_mapping = item if isinstance(item, dict) else {"metric": item}
        given[number] = {**as_mapping, "name": _nothing(number)["name"]}
    elif field in ([], ["metric"]) or not _leave_out(given[number], field):
        given[number] = _nothing(number)
        return f"objectives.{place}"
    return f"objectives.{'.'.join(inner)}"


def _nothing(number: int) -> dict[str, Any]:
    """An objective about which all that is said is not told."""
    return {"name": f"objective-{number + 1}", "metric": TABLE}


def _leave_out(content: object, path: Sequence[str]) -> bool:
    """Drop a field, in place; False when it is not there to be dropped."""
    *outer, last = path
    for name in outer:
        content = content.get(name) if isinstance(content, dict) else None
    if not isinstance(content, dict) or last not in content:
        return False
    del content[last]
    return True
