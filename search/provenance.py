"""Under which protocol, and where, the scores of a run come about."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from search.meters import PluginMeter
from search.opening import conditions_of, meters_of
from search.own_sources import own_sources
from search.spaces import spaces
from search.spec import TABLE, Spec
from search.tables import Table


def provenance(
    spec: Spec,
    *,
    data_dir: Path,
    tables: Mapping[str, Table] | None = None,
    device: str = "cpu",
) -> dict[str, Any]:
    """Under which protocol and where the scores of a run come about, as JSON.

    Of a supernet that the run is to train it says how; its digest is in the scores' details.

    Raises:
        SpecError: the spec does not fit what is here.
        DataError: data is missing or broken.
    """
    meters = meters_of(spec, spaces[spec.space.name], tables or {})
    under = conditions_of(spec, meters, data_dir, device)
    used = {o.params["table"] for o in spec.objectives if o.metric == TABLE}
    content: dict[str, Any] = {
        "seed": spec.seed,
        "space": spec.space.name,
        "own": own_sources(spec, measures=under is not None),
        "tables": {name: tables[name].info.digest for name in sorted(used)} if tables else {},
        "metrics": {m.aim.name: m.described() for m in meters if isinstance(m, PluginMeter)},
    }
    if under is not None:
        content |= under.described()
    if spec.supernet is not None:
        content["supernet"] = spec.supernet.model_dump(mode="json", exclude_none=True)
    return content
