"""What can be searched right now: offers of living workers, imported benchmarks, checkpoints."""

import logging
from collections.abc import Iterable, Iterator

from pydantic import ValidationError
from sqlalchemy.orm import Session

from db.artifacts import checkpoints
from db.benchmarks import benchmarks
from db.models import Artifact
from db.session import data_dir
from db.workers import living
from search.artifacts import FOLDER
from search.catalogue import Catalogue, CheckpointInfo, Device, Plugin, TableInfo

log = logging.getLogger(__name__)


def catalogue(session: Session, *, project: str = "default") -> Catalogue:
    """The offers of all living workers as one; empty plug-ins mean that no worker lives.

    Args:
        session: reads.
        project: whose trained supernets are offered.
    """
    offers = [Catalogue.model_validate(worker.catalogue) for worker in living(session)]
    tables = tuple(TableInfo.model_validate(found.info) for found in benchmarks(session))
    trained = tuple(_described(_present(checkpoints(session, project=project))))
    return merged(offers).model_copy(update={"tables": tables, "checkpoints": trained})


def merged(offers: Iterable[Catalogue]) -> Catalogue:
    """One catalogue of several; where two offer a plug-in, the later one's word counts.

    A data set that one of them has stays available, whoever lacks it.
    """
    plugins: dict[tuple[str, str], Plugin] = {}
    devices: list[Device] = []
    for offer in offers:
        devices += offer.devices
        for plugin in offer.plugins:
            known = plugins.get((plugin.kind, plugin.name))
            if known is None or plugin.traits.get("available", True):
                plugins[plugin.kind, plugin.name] = plugin
    return Catalogue(plugins=tuple(plugins.values()), devices=tuple(dict.fromkeys(devices)))


def _present(recorded: Iterable[Artifact]) -> Iterator[Artifact]:
    """Those whose file is here; all of them where files lie with the workers, and none here."""
    folder = data_dir() / FOLDER
    here = {path.stem for path in folder.iterdir()} if folder.is_dir() else None
    for artifact in recorded:
        if here is None or artifact.digest in here:
            yield artifact


def _described(recorded: Iterable[Artifact]) -> Iterator[CheckpointInfo]:
    for artifact in recorded:
        about = {
            **artifact.info,
            "digest": artifact.digest,
            "size_bytes": artifact.size,
            "job_id": artifact.job_id,
            "name": artifact.name,
            "created_at": artifact.created_at.isoformat(),
        }
        try:
            yield CheckpointInfo.model_validate(about)
        except ValidationError as error:  # one that is of another age must not hide the others
            log.warning("checkpoint %s is not offered: %s", artifact.digest, error)
