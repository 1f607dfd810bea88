"""A content hash of a data set."""

import hashlib
from collections.abc import Iterable


def digest_of(chunks: Iterable[bytes | memoryview]) -> str:
    """32 hex digits over the chunks, one after the other."""
    content = hashlib.blake2b(digest_size=16)
    for chunk in chunks:
        content.update(chunk)
    return content.hexdigest()
