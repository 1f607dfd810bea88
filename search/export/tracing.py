"""What the forward of one module does, as a graph of calls.

A tracer of ``torch.fx`` that has real values beside the symbols, so that a forward may ask for
sizes and count through what it is given. What it decides by them is decided once and for all:
the graph holds for images of one size, and for any number of them.
"""

import inspect
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import fx, nn
from torch.fx.node import map_arg

from search.errors import ExportError

Given = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Calls:
    """One run of a network.

    Attributes:
        given: arguments of the first call of each module that was called.
        results: of all calls of each module, in order.
    """

    given: dict[nn.Module, Given] = field(default_factory=dict)
    results: dict[nn.Module, list[Any]] = field(default_factory=dict)


class ValueTracer(fx.Tracer):
    """Traces a module whose children are not looked into.

    Args:
        calls: the run of the network that gives the values.

    Attributes:
        values: of all nodes.
    """

    def __init__(self, calls: Calls) -> None:
        super().__init__()
        self.values: dict[fx.Node, Any] = {}
        self._calls = calls
        self._num_calls: Counter[str] = Counter()
        self._is_computing = False

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """All children are; the module itself is not called as one."""
        return True

    def create_proxy(self, *args: Any, **kwargs: Any) -> fx.Proxy:  # noqa: ANN401
        """A symbol, whose value is found at once."""
        proxy = super().create_proxy(*args, **kwargs)
        self.values[proxy.node] = self._value(proxy.node)
        return proxy

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: Any) -> Any:  # noqa: ANN401
        """As it is, while values are computed."""
        if self._is_computing:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def to_bool(self, obj: fx.Proxy) -> bool:
        """What the value says."""
        return bool(self.values[obj.node])

    def iter(self, obj: fx.Proxy) -> Iterator[fx.Proxy]:
        """As many items as the value has."""
        return (cast(Any, obj)[place] for place in range(len(self.values[obj.node])))

    def _value(self, node: fx.Node) -> Any:  # noqa: ANN401
        target = str(node.target)
        self._is_computing = True
        try:
            if node.op == "placeholder":
                return self._argument(target)
            if node.op == "get_attr":
                return _attribute(self.root, target)
            if node.op == "call_module":
                self._num_calls[target] += 1
                child = self.root.get_submodule(target)
                return self._calls.results[child][self._num_calls[target] - 1]
            args = map_arg(node.args, self.values.__getitem__)
            kwargs = map_arg(node.kwargs, self.values.__getitem__)
            if node.op == "call_method":
                return getattr(args[0], target)(*args[1:], **kwargs)
            assert callable(node.target)
            return node.target(*args, **kwargs)
        finally:
            self._is_computing = False

    def _argument(self, name: str) -> Any:  # noqa: ANN401
        args, kwargs = self._calls.given[self.root]
        bound = inspect.signature(self.root.forward).bind(*args, **kwargs)
        bound.apply_defaults()
        return bound.arguments[name.lstrip("*")]


def traced(module: nn.Module, run: Calls, other_run: Calls) -> list[fx.Node]:
    """Calls in the order in which they are made, of those that the result depends on.

    The first nodes are the arguments, the last one is the output. Whole numbers that do not
    depend on how many images there are, such as sizes, are numbers.

    Args:
        module: part of a network.
        run: of the network.
        other_run: the same with another number of images.

    Raises:
        ExportError: the forward does something that cannot be followed.
    """
    first, second = ValueTracer(run), ValueTracer(other_run)
    try:
        with torch.no_grad():
            nodes, again = list(first.trace(module).nodes), list(second.trace(module).nodes)
    except Exception as error:  # whatever a forward does with symbols
        raise _unwritable(module, error) from error
    for node, twin in zip(nodes, again, strict=True):
        value = first.values.get(node)
        if type(value) is int and value == second.values[twin]:
            _put(value, node)
    needed = {nodes[-1]}
    for node in reversed(nodes):
        if node in needed or _writes(node):
            needed |= {node, *node.all_input_nodes}
    return [node for node in nodes if node in needed or node.op == "placeholder"]


def _put(value: int, node: fx.Node) -> None:
    """Have all that read a node read a number instead."""
    for reader in list(node.users):
        reader.args = map_arg(reader.args, lambda n: value if n is node else n)
        reader.kwargs = map_arg(reader.kwargs, lambda n: value if n is node else n)


def calls_of(net: nn.Module, x_BCHW: torch.Tensor) -> Calls:
    """Run a network, and note what each of its modules is given and gives.

    Raises:
        ExportError: it reads the values of images, and not only their sizes.
    """
    calls = Calls()

    def note(module: nn.Module, args: Any, kwargs: Any, result: object) -> None:  # noqa: ANN401
        calls.given.setdefault(module, (args, kwargs))
        calls.results.setdefault(module, []).append(result)

    handles = [module.register_forward_hook(note, with_kwargs=True) for module in net.modules()]
    try:
        with torch.no_grad():
            net(x_BCHW)
    except RuntimeError as error:
        raise _unwritable(net, error) from error
    finally:
        for handle in handles:
            handle.remove()
    return calls


def _unwritable(module: nn.Module, error: Exception) -> ExportError:
    why = f"{type(error).__name__}: {error}"
    return ExportError(f"{type(module).__name__} cannot be written as code: {why}")


def _writes(node: fx.Node) -> bool:
    """It changes a tensor in place, so that it counts even if its result is not used."""
    name = str(node.target)
    return node.op == "call_method" and name.endswith("_") and not name.endswith("__")


def _attribute(module: nn.Module, path: str) -> Any:  # noqa: ANN401
    parent, _, name = path.rpartition(".")
    return cast(Any, getattr(module.get_submodule(parent), name))
