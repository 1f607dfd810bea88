"""A network as readable PyTorch code of exactly this architecture.

The code needs torch, and safetensors to read the weights. Branches that never run are left out,
with their parameters.
"""

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn

from search.errors import ExportError
from search.export.forward import lines_of
from search.export.structure import (
    CONTAINERS,
    Class,
    Instance,
    Layer,
    Made,
    Part,
    Several,
    Symbol,
    Values,
    classes_of,
    filled,
    layer,
)
from search.export.tracing import Calls, calls_of, traced
from search.export.wrapping import Bracket, Piece, flat, keyed, parsed, wrapped

LOAD = '''def load(path: str = "weights.safetensors") -> {name}:
    """The network with its weights, ready for inference."""
    net = {name}()
    net.load_state_dict(load_file(path))
    return net.eval()
'''


@dataclass(frozen=True)
class Code:
    """What was written.

    Attributes:
        text: a module of Python with the network's classes and a function ``load``.
        name: of the network's class.
        weights: all tensors that it loads, by name.
    """

    text: str
    name: str
    weights: dict[str, Tensor]


def code_of(net: nn.Module, shape: tuple[int, int, int], *, title: str) -> Code:
    """Write a network as code.

    Args:
        net: is left as it is.
        shape: channels, height and width of one image.
        title: the first lines of the code say it.

    Raises:
        ExportError: something in the network has no form as code.
    """
    outline = copy.deepcopy(net).to("meta").eval()  # runs without computing anything
    x_2CHW, x_3CHW = (torch.zeros(num, *shape, device="meta") for num in (2, 3))
    runs = calls_of(outline, x_2CHW), calls_of(outline, x_3CHW)
    instances = list(_instances(outline, runs))
    made_in: dict[int, Class] = {}
    classes: list[Class] = []
    while len(made_in) < len(instances):
        found = classes_of(instances, made_in)
        classes += found
        made_in |= {place: made for made in found for place in made.places}
    text = _module(title, [_class_lines(made, made_in) for made in classes], classes[-1].name)
    return Code(text, classes[-1].name, weights_of(net, text, classes[-1].name))


def network_from(text: str, name: str) -> nn.Module:
    """Run the code, and make the network, without its weights."""
    scope: dict[str, Any] = {"__name__": "model"}
    exec(compile(text, "model.py", "exec"), scope)
    made: nn.Module = scope[name]()
    return made.eval()


def weights_of(net: nn.Module, text: str, name: str) -> dict[str, Tensor]:
    """Those of the tensors of *net* that the written network has, on the CPU.

    Raises:
        ExportError: it has one that *net* has not.
    """
    ours = net.state_dict()
    with torch.device("meta"):
        wanted = network_from(text, name).state_dict()
    for key, tensor in wanted.items():
        if key not in ours or ours[key].shape != tensor.shape:
            raise ExportError(f"the code has a tensor {key} that does not fit the network")
    return {key: ours[key].detach().cpu().contiguous().clone() for key in wanted}


def _instances(net: nn.Module, runs: tuple[Calls, Calls]) -> Iterator[Instance]:
    """All modules that need classes, each after those it consists of; the network comes last."""
    places: dict[nn.Module, int] = {}

    def visit(module: nn.Module) -> Iterator[Instance]:
        if module in places or layer(module) is not None:
            return
        for child in module.children():
            yield from visit(child)
        if type(module) in CONTAINERS or module not in runs[0].given:
            return
        instance = _instance(module, runs, places)
        places[module] = len(places)
        yield instance

    yield from visit(net)


def _instance(
    module: nn.Module, runs: tuple[Calls, Calls], places: Mapping[nn.Module, int]
) -> Instance:
    def part(child: nn.Module) -> Part:
        if child in places:
            return Made(places[child])
        found = layer(child)
        if found is not None:
            return found
        if type(child) in CONTAINERS:
            items = {name: part(item) for name, item in child.named_children()}
            return Several(f"nn.{type(child).__name__}", items)
        return Layer("nn.Identity", {})  # never run

    origin = type(module)
    if isinstance(module, nn.Sequential) and origin.forward is nn.Sequential.forward:
        children = {name: part(child) for name, child in module.named_children()}
        return Instance(origin, "nn.Sequential", children, ())
    nodes = traced(module, *runs)
    used = {str(node.target) for node in nodes if node.op in ("call_module", "get_attr")}
    children = {
        name: _used(part(child), child, name, used)
        for name, child in module.named_children()
        if _is_used(name, used)
    }
    return Instance(
        origin, "nn.Module", {**_tensors(module, used), **children}, lines_of(nodes, module)
    )


def _is_used(name: str, used: set[str]) -> bool:
    return any(target == name or target.startswith(f"{name}.") for target in used)


def _used(part: Part, module: nn.Module, name: str, used: set[str]) -> Part:
    """Without those of the modules in a dictionary that are never run."""
    if not isinstance(module, nn.ModuleDict):
        return part
    assert isinstance(part, Several)
    items = {key: item for key, item in part.items.items() if _is_used(f"{name}.{key}", used)}
    return Several(part.name, items)


def _tensors(module: nn.Module, used: set[str]) -> dict[str, Part]:
    """Parameters that the module holds itself.

    Raises:
        ExportError: it holds buffers, whose values code would have to make.
    """
    if any(True for _ in module.buffers(recurse=False)):
        raise ExportError(f"{type(module).__name__} holds buffers, which code cannot make")
    return {
        name: Values("nn.Parameter", tuple(tensor.shape))
        for name, tensor in module.named_parameters(recurse=False)
        if name in used
    }


def _module(title: str, classes: list[list[str]], name: str) -> str:
    body = "\n\n\n".join("\n".join(lines) for lines in classes)
    imports = ["import torch"] if "torch." in body else []
    imports.append("from safetensors.torch import load_file")
    imports.append("from torch import Tensor, nn" if "Tensor" in body else "from torch import nn")
    if re.search(r"\bF\.", body):
        imports.append("from torch.nn import functional as F")
    return "\n".join(
        [f'"""{title}"""', "", *imports, "", "", body, "", "", LOAD.format(name=name)]
    )


def _class_lines(made: Class, made_in: Mapping[int, Class]) -> list[str]:
    head = f"class {made.name}({made.example.base}):"
    body = [_docstring(made.example), _init(made, made_in), _forward(made.example)]
    return [head, *(line for lines in body for line in lines)]


def _docstring(example: Instance) -> list[str]:
    text = (example.origin.__doc__ or "").strip().partition("\n")[0]
    is_short = len(text) <= 99 - 4 - 6
    lines = [f'    """{text}"""'] if is_short else [f'    """{text}', '    """']
    return [*lines, ""] if text else []


def _forward(example: Instance) -> list[str]:
    if not example.forward:
        return []
    head, *statements = example.forward
    body = [part for line in statements for part in wrapped(parsed(line), 8)]
    space = [""] if example.children else []
    return [*space, f"    {head}", *body]


def _init(made: Class, made_in: Mapping[int, Class]) -> list[str]:
    if not made.example.children:
        return []
    numbers = iter(made.numbers)
    parts = {
        name: _piece(filled(part, numbers, made_in))
        for name, part in made.example.children.items()
    }
    arguments = [
        f"{name}: int" if default is None else f"{name}: int = {default}"
        for name, default in made.arguments.items()
    ]
    lines = wrapped(Bracket("def __init__(", ["self", *arguments], ") -> None:"), 4)
    if made.example.base == "nn.Sequential":
        return [*lines, *wrapped(Bracket("super().__init__(", _shortened(parts), ")"), 8)]
    lines.append("        super().__init__()")
    for name, piece in parts.items():
        lines += wrapped(piece, 8, before=f"self.{name} = ")
    return lines


def _piece(part: Part) -> Piece:
    if isinstance(part, Values):
        return f"{part.kind}(torch.empty({', '.join(map(str, part.shape))}))"
    if isinstance(part, Several):
        items = {name: _piece(item) for name, item in part.items.items()}
        if part.name == "nn.ModuleDict":
            inner = [keyed(f'"{name}": ', piece) for name, piece in items.items()]
            return Bracket("nn.ModuleDict({", inner, "})")
        if part.name == "nn.ModuleList":
            return Bracket("nn.ModuleList([", _shortened(items), "])")
        return Bracket("nn.Sequential(", _shortened(items), ")")
    assert isinstance(part, Layer)
    return Bracket(f"{part.name}(", _arguments(part), ")")


def _arguments(made: Layer) -> list[Piece]:
    """Those that are not the default; by name where it is not clear what they are."""
    found: list[Piece] = []
    by_name = False
    for name, value in made.args.items():
        is_default = name in made.defaults and made.defaults[name] == value
        by_name = by_name or name in made.defaults or (made.is_ours and "channels" not in name)
        if not is_default:
            text = str(value) if isinstance(value, Symbol) else repr(value)
            found.append(f"{name}={text}" if by_name else text)
    return found


def _shortened(items: Mapping[str, Piece]) -> list[Piece]:
    """With one line for equal modules that follow each other."""
    found: list[Piece] = []
    for _, group in groupby(items.values(), key=flat):
        run = list(group)
        if len(run) < 3:
            found += run
        else:
            found.append(f"*({flat(run[0])} for _ in range({len(run)}))")
    return found
