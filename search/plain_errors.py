"""What pydantic complains of, in words that say what to do."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

_KINDS = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "dict_type": "a mapping of names to values",
    "list_type": "a list",
    "tuple_type": "a list",
    "model_type": "a mapping of names to values",
    "model_attributes_type": "a mapping of names to values",
}
_BOUNDS = {
    "greater_than_equal": "{value} is too small: at least {ge}",
    "greater_than": "{value} is too small: more than {gt}",
    "less_than_equal": "{value} is too large: at most {le}",
    "less_than": "{value} is too large: less than {lt}",
    "too_short": "too few: at least {min_length}",
    "too_long": "too many: at most {max_length}",
    "string_too_long": "too long: at most {max_length} characters",
    "literal_error": "{value} is not among {expected}",
    "enum": "{value} is not among {expected}",
    "string_pattern_mismatch": "{value} does not fit: use letters, digits, '_', '-' and '.', with "
    "a letter first",
}
_WHOLE: Mapping[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda _: "is missing; fill it in",
    "string_too_short": lambda _: "is empty; fill it in",
    "extra_forbidden": lambda error: f"there is no field {error['loc'][-1]}; check its spelling",
}


def plain(error: ErrorDetails) -> str:
    """One complaint in plain words; those that we worded ourselves stay as they are."""
    kind = error["type"]
    if kind in _WHOLE:
        return _WHOLE[kind](error)
    if kind in _KINDS:
        return f"{_shown(error['input'])} is not {_KINDS[kind]}"
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(value=_shown(error["input"]), **error.get("ctx", {}))
    return error["msg"].removeprefix("Value error, ")


def _shown(value: Any) -> str:  # noqa: ANN401  # whatever somebody typed
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
