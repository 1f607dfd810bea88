"""Several files as one zip whose bytes depend on nothing but them."""

import hashlib
import io
import zipfile
from collections.abc import Mapping

_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip can hold
_MODE = 0o644


def packed(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files in this order, uncompressed: weights cannot be pressed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system = 3  # as on Unix, wherever it is written
            entry.external_attr = _MODE << 16
            archive.writestr(entry, content)
    return buffer.getvalue()


def sha256(content: bytes) -> str:
    """The hash that ``sha256sum`` gives."""
    return hashlib.sha256(content).hexdigest()
