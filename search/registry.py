"""Find plug-ins by looking in a package: one file is one plug-in, named after its file."""

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from typing import Generic, TypeVar

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Plug-ins of one kind, by name; the package is scanned on the first look-up.

    Files whose names begin with an underscore are helpers, not plug-ins.
    """

    def __init__(self, package: str) -> None:
        self._package = package
        self._registered: dict[str, T] = {}

    def register(self, plugin: T) -> T:
        """Take *plugin* in under the name of the file that defines it.

        Raises:
            ValueError: the file has registered another plug-in already.
        """
        name = plugin.__module__.rpartition(".")[2]
        if name in self._registered:
            raise ValueError(f"{plugin.__module__} registers more than one plug-in")
        self._registered[name] = plugin
        return plugin

    @cached_property
    def _plugins(self) -> dict[str, T]:
        for module in pkgutil.iter_modules(import_module(self._package).__path__):
            if not module.name.startswith("_"):
                import_module(f"{self._package}.{module.name}")
        return dict(sorted(self._registered.items()))

    def __getitem__(self, name: str) -> T:
        try:
            return self._plugins[name]
        except KeyError:
            known = ", ".join(self._plugins)
            raise KeyError(f"no {name!r} in {self._package}; known: {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._plugins)

    def __len__(self) -> int:
        return len(self._plugins)
