"""Keep passwords out of what people and logs get to see."""

import re

_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]*:[^/@\s]*(?=@)")


def without_secrets(text: str) -> str:
    """The text with the credentials of every address in it blotted out."""
    return _CREDENTIALS.sub("***", text)
