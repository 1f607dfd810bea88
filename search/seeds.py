"""Seeds as hashes of what they are for, never of the order in which things happen."""

import hashlib
import json


def seed_of(*parts: str | int) -> int:
    """A number of 63 bits, the same for the same parts."""
    text = json.dumps(parts, separators=(",", ":"))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
