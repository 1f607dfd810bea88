"""What can be searched right now: the offers of living workers, and the imported benchmarks."""

from collections.abc import Iterable
from typing import TypeVar

from sqlalchemy.orm import Session

from db.benchmarks import benchmarks
from db.workers import living
from search.catalogue import Catalogue, Device, Plugin, TableInfo

T = TypeVar("T")


def catalogue(session: Session) -> Catalogue:
    """The offers of all living workers as one; empty plug-ins mean that no worker lives."""
    offers = [Catalogue.model_validate(worker.catalogue) for worker in living(session)]
    tables = tuple(TableInfo.model_validate(found.info) for found in benchmarks(session))
    return merged(offers).model_copy(update={"tables": tables})


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
