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
from search.parameters import schema_of
from search.registry import Registry
from search.spaces import Space
from search.traits import traits_of

PACKAGES = {  # by folder, which is also the name of the registry in the package
    "spaces": "search.spaces",
    "networks": "search.networks",
    "strategies": "search.strategies",
    "proxies": "search.proxies",
    "costs": "search.costs",
    "trainings": "search.trainings",
    "inherited": "search.inherited",
    "recipes": "search.supernets.recipes",
    "mixtures": "search.supernets.mixtures",
    "datasets": "search.datasets",
}
KINDS = tuple(PACKAGES)
MEASURES = ("proxies", "costs", "trainings", "inherited")  # whose plug-ins declare traits


def use_plugins(plugin_dir: Path) -> None:
    """Take in what lies in ``plugin_dir/proxies``, ``plugin_dir/strategies`` and so on.

    Raises:
        DataError: the folder is missing, a file cannot be loaded, or its name is taken.
    """
    if not plugin_dir.is_dir():
        raise DataError(f"there is no plug-in folder {plugin_dir}")
    _refuse_unknown_folders(plugin_dir)
    for kind in KINDS:
        folder = plugin_dir / kind
        if folder.is_dir():
            _extend(kind, folder)


def _refuse_unknown_folders(plugin_dir: Path) -> None:
    for folder in sorted(plugin_dir.iterdir()):
        if folder.name not in KINDS and folder.is_dir() and any(folder.glob("*.py")):
            raise DataError(f"{folder} is no folder of plug-ins; there are: {', '.join(KINDS)}")
    if stray := sorted(plugin_dir.glob("*.py")):
        raise DataError(
            f"{stray[0]} has to lie in the folder of its kind, one of: {', '.join(KINDS)}"
        )


def _extend(kind: str, folder: Path) -> None:
    package = import_module(PACKAGES[kind])
    registry: Registry[Any] = getattr(package, kind)
    if str(folder) in package.__path__:
        return
    taken = {path.name for place in package.__path__ for path in Path(place).glob("*.py")}
    for path in sorted(folder.glob("*.py")):
        if path.name in taken:
            raise DataError(f"{path}: there is a plug-in {path.stem!r} already; rename the file")
    files = [path for path in sorted(folder.glob("*.py")) if not path.name.startswith("_")]
    package.__path__.append(str(folder))
    for path in files:
        _load(package, path)
    registry.__dict__.pop("_plugins", None)  # look again
    for path in files:
        if flaw := _flaw(kind, registry, path.stem):
            raise DataError(f"plug-in {path} cannot be used: {flaw}")


def _load(package: ModuleType, path: Path) -> None:
    try:
        import_module(f"{package.__name__}.{path.stem}")
    except Exception as error:
        raise DataError(
            f"plug-in {path} cannot be loaded: {type(error).__name__}: {error}"
        ) from error


def _flaw(kind: str, registry: Registry[Any], name: str) -> str | None:
    """What keeps a loaded plug-in from being offered, or None."""
    if name not in registry:
        return f"it registers nothing; decorate it with @{kind}.register"
    plugin = registry[name]
    if kind == "spaces":
        return _space_flaw(plugin)
    if not callable(plugin):
        return f"{plugin!r} cannot be called"
    try:
        schema_of(plugin)
        if kind in MEASURES:
            traits_of(plugin)
    except Exception as error:  # whatever the team's annotations raise
        return f"{type(error).__name__}: {error}"
    return None


def _space_flaw(space: Space) -> str | None:
    wanted = [name for name in vars(Space) if not name.startswith("_")]
    missing = [name for name in wanted if not hasattr(space, name)]
    if missing:
        return f"the space lacks {', '.join(missing)}"
    if tuple(space.equivalences)[:1] != ("exact",):
        return "the first of its equivalences has to be exact"
    return None


def source_digest(plugin: object) -> str:
    """A hash of the file that defines *plugin*, or its class, and of the helpers beside it.

    Helpers are the files whose names begin with an underscore: a plug-in may import any of them,
    so that a change of one is a change of all plug-ins of its folder.
    """
    path = _source_file(plugin)
    helpers = sorted(path.parent.glob("_*.py"))
    return _digest((path, *(helper for helper in helpers if helper.name != "__init__.py")))


def is_foreign(plugin: object) -> bool:
    """The plug-in is the team's own, not part of Archfront."""
    return not _source_file(plugin).is_relative_to(Path(search.__path__[0]).resolve())


def foreign_digest(plugin: object) -> str:
    """:func:`source_digest` of the team's own plug-in; empty for one of Archfront's."""
    return source_digest(plugin) if is_foreign(plugin) else ""


def summary(plugin: object) -> str:
    """First line of what its docstring says."""
    text = inspect.getdoc(plugin) or ""
    return text.partition("\n")[0]


def _source_file(plugin: object) -> Path:
    defined = plugin if inspect.isroutine(plugin) or inspect.isclass(plugin) else type(plugin)
    return Path(inspect.getfile(inspect.unwrap(defined))).resolve()


@cache
def _digest(paths: tuple[Path, ...]) -> str:
    whole = hashlib.blake2b(digest_size=16)
    for path in paths:
        content = path.read_bytes()
        whole.update(f"{path.name} {len(content)} ".encode() + content)
    return whole.hexdigest()
