"""The lines of a forward, from a graph of calls."""

import builtins
import inspect
import json
import keyword
import operator
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import fx, nn
from torch.fx.node import _get_qualified_name

from search.errors import ExportError

INLINE = 60  # characters that an expression may have to stand inside another one
RESERVED = frozenset({*keyword.kwlist, *dir(builtins), "self", "torch", "nn", "F", "Tensor"})
OPERATORS: dict[Callable[..., Any], str] = {
    operator.add: "+",
    operator.iadd: "+",
    operator.sub: "-",
    operator.mul: "*",
    operator.imul: "*",
    operator.truediv: "/",
    operator.floordiv: "//",
    operator.mod: "%",
    operator.pow: "**",
    operator.matmul: "@",
    torch.add: "+",
}


def lines_of(nodes: Sequence[fx.Node], root: nn.Module) -> tuple[str, ...]:
    """The head and the statements of a forward, not indented.

    Args:
        nodes: as :func:`search.export.tracing.traced` gives them.
        root: the module that they are the forward of.

    Raises:
        ExportError: a call cannot be written.
    """
    writer = _Writer(root, Counter(n for node in nodes for n in node.all_input_nodes))
    return tuple(writer.written(nodes))


class _Writer:
    """Statements of one forward."""

    def __init__(self, root: nn.Module, num_readers: Mapping[fx.Node, int]) -> None:
        self._root = root
        self._num_readers = num_readers
        self._texts: dict[fx.Node, str] = {}  # what stands for the value of a node
        self._names: set[str] = set()

    def written(self, nodes: Sequence[fx.Node]) -> list[str]:
        arguments = ["self"]
        lines = []
        for place, node in enumerate(nodes):
            if node.op == "placeholder":
                arguments.append(self._argument(node))
            elif node.op == "output":
                lines.append(f"return {self._text(node.args[0])}")
            elif self._stands_inside(node, nodes[place + 1]):
                self._texts[node] = self._expression(node)
            else:
                name = self._name(_wish(node))
                lines.append(f"{name} = {self._expression(node)}")
                self._texts[node] = name
        result = self._annotation("return")
        end = f" -> {result}:" if result else ":"
        return [f"def forward({', '.join(arguments)}){end}", *lines]

    def _annotation(self, name: str) -> str:
        """``Tensor`` for what the forward says is one."""
        said = inspect.get_annotations(type(self._root).forward).get(name)
        return "Tensor" if said in (torch.Tensor, "Tensor", "torch.Tensor") else ""

    def _argument(self, node: fx.Node) -> str:
        name = str(node.target)
        self._texts[node] = name.lstrip("*")
        self._names.add(name.lstrip("*"))
        kind = self._annotation(name.lstrip("*"))
        return f"{name}: {kind}" if kind else name

    def _stands_inside(self, node: fx.Node, following: fx.Node) -> bool:
        """The value has no name: it is read once, and by what comes next or nothing is run."""
        if node.op == "get_attr":
            return True
        if self._num_readers[node] != 1 or len(self._expression(node)) > INLINE:
            return False
        reads = node in following.all_input_nodes
        if following.op == "output":
            return reads
        is_cheap = node.op == "call_function" and node.target in (getattr, operator.getitem)
        return is_cheap or (reads and node.op != "call_module")

    def _expression(self, node: fx.Node) -> str:
        if node.op == "call_module":
            return f"{self._path(str(node.target))}({self._arguments(node.args, node.kwargs)})"
        if node.op == "get_attr":
            return self._path(str(node.target))
        if node.op == "call_method":
            source, *rest = node.args
            return f"{self._operand(source)}.{node.target}({self._arguments(rest, node.kwargs)})"
        return self._function(node)

    def _function(self, node: fx.Node) -> str:
        target, args = node.target, node.args
        assert callable(target)
        if target is getattr:
            return f"{self._operand(args[0])}.{args[1]}"
        if target is operator.getitem:
            return f"{self._operand(args[0])}[{self._index(args[1])}]"
        if target is operator.neg:
            return f"-{self._operand(args[0])}"
        if target in OPERATORS and len(args) == 2 and not node.kwargs:
            return f" {OPERATORS[target]} ".join(map(self._operand, args))
        kwargs = {n: v for n, v in node.kwargs.items() if not _is_default(target, n, v)}
        return f"{_qualified(target)}({self._arguments(args, kwargs)})"

    def _arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
        named = [f"{name}={self._text(value)}" for name, value in kwargs.items()]
        return ", ".join([*map(self._text, args), *named])

    def _operand(self, value: Any) -> str:  # noqa: ANN401
        text = self._text(value)
        is_compound = isinstance(value, fx.Node) and re.search(r"^-| [-+*/%@]+ ", text)
        return f"({text})" if is_compound else text

    def _index(self, value: Any) -> str:  # noqa: ANN401
        if isinstance(value, tuple) and value:
            return ", ".join(map(self._index, value))
        if isinstance(value, slice):
            bounds = (value.start, value.stop) + ((value.step,) if value.step is not None else ())
            return ":".join("" if bound is None else self._text(bound) for bound in bounds)
        return "..." if value is Ellipsis else self._text(value)

    def _text(self, value: Any) -> str:  # noqa: ANN401
        if isinstance(value, fx.Node):
            return self._texts[value]
        if isinstance(value, tuple):
            inner = ", ".join(map(self._text, value))
            return f"({inner},)" if len(value) == 1 else f"({inner})"
        if isinstance(value, list):
            return f"[{', '.join(map(self._text, value))}]"
        if isinstance(value, str):
            return json.dumps(value)
        if value is None or isinstance(value, bool | int | float):
            return repr(value)
        if isinstance(value, torch.dtype):
            return str(value)
        raise ExportError(f"a {type(value).__name__} in a forward cannot be written as code")

    def _path(self, target: str) -> str:
        """How a forward reads a child or a tensor of its module."""
        text, module = "self", self._root
        for name in target.split("."):
            if isinstance(module, nn.ModuleDict):
                text += f'["{name}"]'
            elif isinstance(module, nn.Sequential | nn.ModuleList):
                text += f"[{name}]"
            else:
                text += f".{name}"
            module = getattr(module, name)
        return text

    def _name(self, wish: str) -> str:
        if wish in RESERVED:
            wish += "_"
        name, number = wish, 2
        while name in self._names:
            name, number = f"{wish.rstrip('_')}_{number}", number + 1
        self._names.add(name)
        return name


def _wish(node: fx.Node) -> str:
    """A name that says where a value comes from."""
    target = node.target
    if callable(target):
        text = "item" if target is operator.getitem else getattr(target, "__name__", "value")
    else:
        text = str(target)
    return re.sub(r"\W+", "_", text).strip("_") or "value"


def _is_default(function: Callable[..., Any], name: str, value: object) -> bool:
    """The function takes an argument to be that if it is left out."""
    try:
        parameter = inspect.signature(function).parameters[name]
    except (KeyError, ValueError):  # of functions in C nothing is known
        return False
    return type(parameter.default) is type(value) and parameter.default == value


def _qualified(target: Callable[..., Any]) -> str:
    """A function as code names it that imports torch, nn and F."""
    name = target.__name__
    if getattr(nn.functional, name, None) is target:
        return f"F.{name}"
    found = _get_qualified_name(target)
    if not found.startswith("torch.") or found.startswith("torch._"):
        raise ExportError(f"{found} in a forward is no public function of PyTorch")
    return found.replace("torch.nn.functional.", "F.")
