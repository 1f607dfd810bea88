"""Files that searches have made or people have brought: where one is, whether it is whole."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from db import artifacts
from db.batch import ArtifactRow
from db.errors import Damaged, NotFound
from db.models import Artifact
from db.session import data_dir, transaction
from search import artifacts as files
from search.checkpoint_file import EXTENSION, OF_RECORD, examined
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
        where = (
            "it was imported on another one"
            if artifact.job_id is None
            else f"search {artifact.job_id} has made it, where its worker ran"
        )
        raise NotFound(
            f"the file of artifact {artifact.digest} is not in the data folder of this machine; "
            f"{where}"
        ) from None
    if not _is_whole(path, artifact.digest, status.st_size, status.st_mtime_ns):
        content, remedy = (
            ("what was imported", "import it again")
            if artifact.job_id is None
            else (
                f"what search {artifact.job_id} has made",
                "let that search, or one like it, make it again",
            )
        )
        raise Damaged(
            f"the file of artifact {artifact.digest} is damaged: its content is not {content}; "
            f"{remedy}"
        )
    return path


def file_name(artifact: Artifact) -> str:
    """What the file is called outside: its name, which never leads to another folder."""
    return Path(artifact.name).name or artifact.digest


def import_checkpoint(source: Path, digest: str | None = None) -> tuple[Artifact, bool]:
    """Take a trained supernet from elsewhere into the data folder and on record.

    Args:
        source: its file.
        digest: that its content must have; left out, the file's name says so if it is a hash.

    Returns:
        What stands on record, and whether it is there just now.

    Raises:
        DataError: the file is damaged, no checkpoint of a supernet, or one of another version.
    """
    info = examined(source, digest)
    files.take(data_dir(), source, info.digest, EXTENSION)
    row = ArtifactRow(
        kind=artifacts.CHECKPOINT,
        name=f"{info.recipe}-{info.space}.{EXTENSION}",
        digest=info.digest,
        size=info.size_bytes,
        info=info.model_dump(mode="json", exclude={*OF_RECORD}),
    )
    with transaction() as session:
        return artifacts.add_imported(session, row)


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
