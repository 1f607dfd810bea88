"""Files that searches have made, on this machine: where one is, and whether it is whole."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from db.errors import Damaged, NotFound
from db.models import Artifact
from db.session import data_dir
from search import artifacts as files
from search.errors import DataError


def whole_file(artifact: Artifact) -> Path:
    """The file of an artifact, after its content was compared with its digest.

    Raises:
        NotFound: it is not on this machine.
        Damaged: its content is not what it was.
    """
    try:
        path = files.find(data_dir(), artifact.digest)
        status = path.stat()
    except (DataError, FileNotFoundError):
        raise NotFound(
            f"the file of artifact {artifact.digest} is not in the data folder of this machine; "
            f"search {artifact.job_id} has made it, where its worker ran"
        ) from None
    if not _is_whole(path, artifact.digest, status.st_size, status.st_mtime_ns):
        raise Damaged(
            f"the file of artifact {artifact.digest} is damaged: its content is not what search "
            f"{artifact.job_id} has made; let that search, or one like it, make it again"
        )
    return path


def file_name(artifact: Artifact) -> str:
    """What the file is called outside: its name, which never leads to another folder."""
    return Path(artifact.name).name or artifact.digest


def artifact_as_json(artifact: Artifact) -> dict[str, Any]:
    """What the API answers and what --json prints."""
    return {
        "kind": artifact.kind,
        "name": artifact.name,
        "digest": artifact.digest,
        "size": artifact.size,
        "trial": artifact.number,
        "job": artifact.job_id,
        "info": artifact.info,
        "created_at": artifact.created_at.isoformat(),
    }


@lru_cache(maxsize=256)
def _is_whole(path: Path, digest: str, size: int, changed_ns: int) -> bool:
    """Read a file once for as long as it stays as it is."""
    return files.digest_of_file(path) == digest
