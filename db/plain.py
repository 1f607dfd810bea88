"""Values as both databases take them: strict JSON, clean text, finite numbers."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))


def to_json(value: Any) -> str:  # noqa: ANN401
    """Strict JSON: a NaN is an error here, and PostgreSQL would refuse it."""
    return _ENCODER.encode(value)


def finite(value: float | None) -> float | None:
    """The value, or None where it is nan or infinite."""
    return value if value is not None and math.isfinite(value) else None


def clean(text: str) -> str:
    """Text without what a database refuses: lone surrogates and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def spelled_out(value: Any, word: Callable[[float], Any] = str) -> Any:  # noqa: ANN401
    """JSON with words for nan and infinities (``nan``, ``inf``, ``-inf``) and clean text.

    Args:
        value: what may be in it.
        word: what stands for a number that is not finite; ``finite`` gives None.
    """
    match value:
        case str():
            return clean(value)
        case float() if not math.isfinite(value):
            return word(value)
        case Mapping():
            return {clean(str(key)): spelled_out(part, word) for key, part in value.items()}
        case list() | tuple():
            return [spelled_out(part, word) for part in value]
    return value
