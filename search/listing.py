"""Architectures that somebody has listed, as texts."""

from search.spaces import Space

FORMAT = "arch"  # in the schema of a parameter: a text that is an architecture


def problem(space: Space, text: str) -> str | None:
    """Why a text is no architecture of a space; None when it is one."""
    try:
        return space.invalid_reason(space.decode(text))
    except ValueError as error:
        return str(error)
