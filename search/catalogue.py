"""What living workers offer, as a value: the app shows it, ``check`` holds a spec against it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from search.traits import Direction

PluginKind = Literal[
    "space",
    "network",
    "strategy",
    "proxy",
    "cost",
    "training",
    "inherited",
    "recipe",
    "mixture",
    "dataset",
]


CHECKPOINT_VERSION = 1  # of files of trained supernets


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Plugin(_Part):
    """One plug-in.

    Attributes:
        summary: first line of its docstring.
        parameters: JSON schema of its parameters.
        source: hash of its files when it is the team's own; empty for one of Archfront's.
        traits: for proxies, costs, trainings and inherited, ``Traits.as_json()``; for strategies
            ``unfit``, a reason for every space that they cannot search; for spaces ``size`` (int)
            and ``equivalences``; for data sets ``available`` (bool), ``reason`` (why it is not),
            ``content`` (``images`` or ``text``), ``num_classes``, ``shape`` (channels, height,
            width) and ``digest`` (content hash); for recipes ``spaces`` (that they can train as
            they are), ``unfit`` (a reason for every other space that has a supernet),
            ``evidence`` and ``source``. A mixture is the supernet of the space of its name.
    """

    kind: PluginKind
    name: str
    summary: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    source: str = ""
    traits: dict[str, Any] = Field(default_factory=dict)


class Device(_Part):
    """Where a worker can run networks."""

    type: Literal["cpu", "gpu"]
    name: str
    memory_mb: int | None = None
    threads: int | None = None


class TableColumn(_Part):
    """A column of values of an imported benchmark.

    Attributes:
        may_be_undefined: an empty cell, nan and infinities say that an arch has no value; in
            other columns they are errors.
        dataset: that the values were measured on; empty where nobody has told it.
    """

    name: str
    unit: str = ""
    direction: Direction = "maximize"
    may_be_undefined: bool = False
    dataset: str = ""


class TableInfo(_Part):
    """An imported benchmark, without its values."""

    name: str
    space: str
    columns: tuple[TableColumn, ...]
    clock: str | None = None
    num_archs: int
    digest: str


class CheckpointInfo(_Part):
    """A trained supernet that searches can use.

    Attributes:
        digest: of its file.
        version: of what is in the file.
        network: parameters of the space's network builder.
        shape: channels, height and width of one image.
        dataset_params: as the spec of its training had them.
        steps: of its training that were done.
        num_steps: that its training has; more than were done in one that was kept on the way. 0
            in files that do not say it, of trainings that were done.
        job_id: of the search that trained it; None for one that was imported.
        created_at: ISO 8601.
    """

    digest: str
    version: int
    space: str
    network: dict[str, Any] = Field(default_factory=dict)
    shape: tuple[int, int, int]
    num_classes: int
    dataset: str
    dataset_params: dict[str, Any] = Field(default_factory=dict)
    dataset_digest: str
    recipe: str
    recipe_params: dict[str, Any] = Field(default_factory=dict)
    steps: int
    num_steps: int = 0
    seed: int = 0
    size_bytes: int = 0
    job_id: int | None = None
    name: str = ""
    created_at: str = ""

    @property
    def is_trained(self) -> bool:
        """Its training is done; otherwise it was kept on the way."""
        return self.steps >= self.num_steps

    def misfit(
        self,
        *,
        space: str,
        network: Mapping[str, Any],
        dataset: str,
        shape: Sequence[int] | None = None,
        num_classes: int | None = None,
        dataset_digest: str | None = None,
    ) -> str | None:
        """Why it cannot serve a search, or None when it can.

        Args:
            space: of the search.
            network: parameters of its network builder, all of them.
            dataset: its name; what else is None is not known yet and not held against it.
            shape: channels, height and width of its images.
            num_classes: of it.
            dataset_digest: of its content.
        """
        if self.version != CHECKPOINT_VERSION:
            return (
                f"the checkpoint is of version {self.version}, and version {CHECKPOINT_VERSION} "
                "is needed: train the supernet anew"
            )
        if self.space != space:
            return f"this is a supernet of {self.space}, not of {space}"
        if self.network != dict(network):
            return (
                f"this is a supernet of networks with {_told(self.network)}; the search has "
                f"{_told(network)}"
            )
        if shape is not None and tuple(shape) != self.shape:
            theirs, ours = (" x ".join(map(str, s)) for s in (self.shape, shape))
            return f"this supernet takes images of {theirs}; those of {dataset} are {ours}"
        if num_classes is not None and num_classes != self.num_classes:
            return (
                f"this supernet tells {self.num_classes} classes apart; {dataset} has "
                f"{num_classes}"
            )
        if self.dataset != dataset:
            return f"this supernet was trained on {self.dataset}, not on {dataset}"
        if dataset_digest is not None and dataset_digest != self.dataset_digest:
            return f"{dataset} has changed since this supernet was trained on it"
        return None


class Catalogue(_Part):
    """Everything that can be chosen."""

    plugins: tuple[Plugin, ...] = ()
    devices: tuple[Device, ...] = ()
    tables: tuple[TableInfo, ...] = ()
    checkpoints: tuple[CheckpointInfo, ...] = ()

    def names(self, kind: PluginKind) -> list[str]:
        """Names of the plug-ins of one kind."""
        return [plugin.name for plugin in self.plugins if plugin.kind == kind]

    def plugin(self, kind: PluginKind, name: str) -> Plugin | None:
        """The plug-in, or None when nobody offers it."""
        found = (p for p in self.plugins if p.kind == kind and p.name == name)
        return next(found, None)

    def table(self, name: str) -> TableInfo | None:
        """The imported benchmark, or None."""
        return next((table for table in self.tables if table.name == name), None)

    def checkpoint(self, digest: str) -> CheckpointInfo | None:
        """The trained supernet, or None."""
        return next((c for c in self.checkpoints if c.digest == digest), None)


def _told(params: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in params.items()) or "no parameters"
