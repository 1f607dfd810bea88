"""JSON schemas of parameters, as workers report them."""

from typing import Any


def integer(default: int, low: int, high: int, description: str = "") -> dict[str, Any]:
    return {
        "type": "integer",
        "default": default,
        "minimum": low,
        "maximum": high,
        "description": description,
    }


def schema(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties}
