"""Of what a network is made: layers with their arguments, and classes of equal modules.

Modules of one class that differ in whole numbers alone become one class with arguments. A number
that is the same in all of them stays a number; numbers that are always equal to each other are
one argument.
"""

import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, NamedTuple

from torch import nn

from search.errors import ExportError

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
CHANNELS = (  # arguments that count channels
    "channels", "in_channels", "inner_channels", "out_channels",
    "num_features", "in_features", "out_features",
)  # fmt: skip
NO_ATTRIBUTE = ("device", "dtype")  # arguments that a layer does not remember
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Hole(NamedTuple):
    """A whole number, which argument it is, and what that is when it is left out."""

    name: str
    value: int
    default: Any = None


class Symbol(str):
    """The name of an argument, which stands for a number."""

    __slots__ = ()


@dataclass(frozen=True)
class Layer:
    """A call of a constructor.

    Attributes:
        args: by name; whole numbers are arguments that classes may have.
        defaults: what the constructor takes an argument to be that is left out.
        is_ours: it is a class of the code.
    """

    name: str
    args: Mapping[str, Any]
    defaults: Mapping[str, Any] = field(default_factory=dict)
    is_ours: bool = False


@dataclass(frozen=True)
class Several:
    """Modules in a container, by name.

    Attributes:
        name: of the container, such as ``nn.Sequential``.
    """

    name: str
    items: Mapping[str, "Part"]


@dataclass(frozen=True)
class Values:
    """A tensor that a module holds itself."""

    kind: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Made:
    """An instance of a class of ours, by its place among all instances."""

    place: int


Part = Layer | Several | Values | Made


@dataclass(frozen=True)
class Instance:
    """One module that needs a class.

    Attributes:
        base: ``nn.Module`` or ``nn.Sequential``.
        children: what it consists of, by attribute.
        forward: lines of its forward; none for a sequence.
    """

    origin: type[nn.Module]
    base: str
    children: Mapping[str, Part]
    forward: tuple[str, ...]


@dataclass
class Class:
    """One class of the code.

    Attributes:
        example: the first of its instances.
        arguments: names, and what each is when it is left out; those that must be given first.
        columns: for each argument, its value in each instance.
        numbers: all numbers of an instance in order: themselves, or the argument they are.
    """

    name: str
    example: Instance
    places: list[int]
    arguments: dict[str, int | None]
    columns: list[tuple[int, ...]]
    numbers: list[int | Symbol]

    def of(self, place: int) -> Layer:
        """The call that makes an instance."""
        row = self.places.index(place)
        values = {n: c[row] for n, c in zip(self.arguments, self.columns, strict=True)}
        defaults = {n: default for n, default in self.arguments.items() if default is not None}
        return Layer(self.name, values, defaults, is_ours=True)


def layer(module: nn.Module) -> Layer | None:
    """A layer of PyTorch as its constructor was called; None for anything else.

    A class that is derived from a layer of PyTorch counts as that layer.

    Raises:
        ExportError: it does not tell all that its constructor takes.
    """
    found = next((c for c in type(module).__mro__ if _is_pytorch(c)), None)
    if found is None or found in (nn.Module, *CONTAINERS):
        return None
    args, defaults = {}, {}
    for name, parameter in inspect.signature(found).parameters.items():
        if name in NO_ATTRIBUTE or name[0] == "_" or parameter.kind in VARIADIC:
            continue
        args[name] = _argument(module, found, name)
        if parameter.default is not inspect.Parameter.empty:
            defaults[name] = parameter.default
    if defaults.get("stride", 1) is None and args["stride"] == args["kernel_size"]:
        defaults["stride"] = args["stride"]  # of pools
    if args.get("affine") is False:  # then a norm has no bias, whatever it was told
        args.pop("bias", None)
    return Layer(f"nn.{found.__name__}", args, defaults)


def classes_of(instances: Sequence[Instance], made_in: Mapping[int, Class]) -> list[Class]:
    """Put instances that differ in numbers alone into one class.

    Args:
        instances: by place, of which those that others consist of come first; a class is made
            of each of them that has none yet and whose parts all have one.
        made_in: the class of each place that has one.
    """
    ready = [
        place
        for place, instance in enumerate(instances)
        if place not in made_in and all(p in made_in for p in _parts(instance))
    ]
    groups: dict[Any, list[int]] = {}
    for place in ready:
        key = (instances[place].origin, skeleton(instances[place], made_in))
        groups.setdefault(key, []).append(place)
    found: list[Class] = []
    taken = {made.name for made in made_in.values()}
    for places in groups.values():
        found.append(_class(places, instances, made_in, taken))
        taken.add(found[-1].name)
    return found


def skeleton(instance: Instance, made_in: Mapping[int, Class]) -> Any:  # noqa: ANN401
    """All of an instance but its numbers; equal for instances of one class."""
    children = [(name, _bones(part, made_in)) for name, part in instance.children.items()]
    return instance.base, tuple(children), instance.forward


def holes(part: Part, made_in: Mapping[int, Class]) -> Iterator[Hole]:
    """The numbers of a part, in order."""
    if isinstance(part, Made):
        part = made_in[part.place].of(part.place)
    if isinstance(part, Layer):
        for name, value in part.args.items():
            if _is_number(value):
                yield Hole(name, value, part.defaults.get(name))
    elif isinstance(part, Several):
        for item in part.items.values():
            yield from holes(item, made_in)
    else:
        yield from (Hole("size", size) for size in part.shape)


def filled(part: Part, numbers: Iterator[Any], made_in: Mapping[int, Class]) -> Part:
    """The part with other numbers, given in the order of its own."""
    if isinstance(part, Made):
        part = made_in[part.place].of(part.place)
    if isinstance(part, Layer):
        args = {n: next(numbers) if _is_number(v) else v for n, v in part.args.items()}
        return replace(part, args=args)
    if isinstance(part, Several):
        items = {name: filled(item, numbers, made_in) for name, item in part.items.items()}
        return replace(part, items=items)
    return replace(part, shape=tuple(next(numbers) for _ in part.shape))


def _class(
    places: list[int],
    instances: Sequence[Instance],
    made_in: Mapping[int, Class],
    taken: Collection[str],
) -> Class:
    rows = [
        [hole for part in instances[place].children.values() for hole in holes(part, made_in)]
        for place in places
    ]
    columns = list(zip(*([hole.value for hole in row] for row in rows), strict=True))
    varying: dict[tuple[int, ...], list[Hole]] = {}
    for hole, column in zip(rows[0], columns, strict=True):
        if len(set(column)) > 1:
            varying.setdefault(column, []).append(hole)
    names = dict(zip(varying, map(Symbol, _names(varying, rows[0])), strict=True))
    defaults = {column: _default(found) for column, found in varying.items()}
    order = sorted(varying, key=lambda column: defaults[column] is not None)
    example = instances[places[0]]
    name, number = example.origin.__name__, 2
    while name in taken:
        name, number = f"{example.origin.__name__}{number}", number + 1
    return Class(
        name,
        example,
        places,
        arguments={names[column]: defaults[column] for column in order},
        columns=order,
        numbers=[names.get(column, column[0]) for column in columns],
    )


def _default(found: Sequence[Hole]) -> int | None:
    """What all layers take a number to be that is left out; None if they differ."""
    defaults = {hole.default if _is_number(hole.default) else None for hole in found}
    return defaults.pop() if len(defaults) == 1 else None


def _names(varying: Mapping[tuple[int, ...], Sequence[Hole]], row: Sequence[Hole]) -> list[str]:
    """What to call the arguments; channels by where they come first and last.

    Args:
        varying: by column, the numbers of the first instance that are in it.
        row: all numbers of the first instance.
    """
    where = {id(hole): column for column, found in varying.items() for hole in found}
    channels = [where[id(h)] for h in row if id(h) in where and _is_channels(h.name)]
    names: list[str] = []
    for column, found in varying.items():
        name = found[0].name
        if _is_channels(name):
            name = "inner_channels"
            if column == channels[0]:
                name = "channels" if column == channels[-1] else "in_channels"
            elif column == channels[-1]:
                name = "out_channels"
        while name in names:
            name = _next(name)
        names.append(name)
    return names


def _is_channels(name: str) -> bool:
    return name.rstrip("_0123456789") in CHANNELS


def _next(name: str) -> str:
    stem, _, number = name.rpartition("_")
    return f"{stem}_{int(number) + 1}" if number.isdecimal() else f"{name}_2"


def _parts(instance: Instance) -> Iterator[int]:
    stack = list(instance.children.values())
    while stack:
        part = stack.pop()
        if isinstance(part, Made):
            yield part.place
        elif isinstance(part, Several):
            stack.extend(part.items.values())


def _bones(part: Part, made_in: Mapping[int, Class]) -> Any:  # noqa: ANN401
    if isinstance(part, Made):
        return made_in[part.place].name
    if isinstance(part, Several):
        return part.name, tuple((n, _bones(item, made_in)) for n, item in part.items.items())
    if isinstance(part, Values):
        return part.kind, len(part.shape)
    kept = tuple((n, None if _is_number(v) else (type(v), v)) for n, v in part.args.items())
    return part.name, kept


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


@cache
def _is_pytorch(found: type) -> bool:
    return found.__module__.startswith("torch.nn.modules.")


def _argument(module: nn.Module, found: type, name: str) -> Any:  # noqa: ANN401
    if name == "bias" and not isinstance(getattr(module, name, None), bool):
        return getattr(module, name, None) is not None
    if not hasattr(module, name):
        raise ExportError(f"nn.{found.__name__} does not tell its argument {name}")
    value = getattr(module, name)
    if isinstance(value, tuple) and len(set(value)) == 1:
        return value[0]
    return value
