"""A team's own plug-ins: a folder beside ours, with one folder for each kind."""

import hashlib
import inspect
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import search
from search.errors import DataError
from search.registry import Registry

KINDS = ("spaces", "networks", "strategies", "proxies", "costs", "trainings", "datasets")


def use_plugins(plugin_dir: Path) -> None:
    """Take in what lies in ``plugin_dir/proxies``, ``plugin_dir/strategies`` and so on.

    Raises:
        DataError: the folder is missing, a file cannot be loaded, or its name is taken.
    """
    if not plugin_dir.is_dir():
        raise DataError(f"there is no plug-in folder {plugin_dir}")
    for kind in KINDS:
        folder = plugin_dir / kind
        if folder.is_dir():
            _extend(kind, folder)


def _extend(kind: str, folder: Path) -> None:
    package = import_module(f"search.{kind}")
    registry: Registry[Any] = getattr(package, kind)
    if str(folder) in package.__path__:
        return
    files = [path for path in sorted(folder.glob("*.py")) if not path.name.startswith("_")]
    for path in files:
        if path.stem in registry:
            raise DataError(f"{path}: there is a plug-in {path.stem!r} already; rename the file")
    package.__path__.append(str(folder))
    for path in files:
        _load(package, path)
    registry.__dict__.pop("_plugins", None)  # look again


def _load(package: ModuleType, path: Path) -> None:
    try:
        import_module(f"{package.__name__}.{path.stem}")
    except Exception as error:
        raise DataError(
            f"plug-in {path} cannot be loaded: {type(error).__name__}: {error}"
        ) from error


def source_digest(plugin: object) -> str:
    """A hash of the file that defines *plugin*, or of that of its class."""
    return _file_digest(_source_file(plugin))


def is_foreign(plugin: object) -> bool:
    """The plug-in is the team's own, not part of Archfront."""
    return not _source_file(plugin).is_relative_to(Path(search.__path__[0]).resolve())


def summary(plugin: object) -> str:
    """First line of what its docstring says."""
    text = inspect.getdoc(plugin) or ""
    return text.partition("\n")[0]


def _source_file(plugin: object) -> Path:
    defined = plugin if inspect.isroutine(plugin) or inspect.isclass(plugin) else type(plugin)
    return Path(inspect.getfile(inspect.unwrap(defined))).resolve()


@cache
def _file_digest(path: Path) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
