"""What living workers offer, as a value: the app shows it, ``check`` holds a spec against it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from search.traits import Direction

PluginKind = Literal["space", "network", "strategy", "proxy", "cost", "training", "dataset"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Plugin(_Part):
    """One plug-in.

    Attributes:
        summary: first line of its docstring.
        parameters: JSON schema of its parameters.
        source: hash of its files when it is the team's own; empty for one of Archfront's.
        traits: for proxies, costs and trainings, ``Traits.as_json()``; for spaces ``size`` (int)
            and ``equivalences``; for data sets ``available`` (bool), ``reason`` (why it is not),
            ``content`` (``images`` or ``text``), ``num_classes``, ``shape`` (channels, height,
            width) and ``digest`` (content hash).
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
    """

    name: str
    unit: str = ""
    direction: Direction = "maximize"
    may_be_undefined: bool = False


class TableInfo(_Part):
    """An imported benchmark, without its values."""

    name: str
    space: str
    columns: tuple[TableColumn, ...]
    clock: str | None = None
    num_archs: int
    digest: str


class Catalogue(_Part):
    """Everything that can be chosen."""

    plugins: tuple[Plugin, ...] = ()
    devices: tuple[Device, ...] = ()
    tables: tuple[TableInfo, ...] = ()

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
