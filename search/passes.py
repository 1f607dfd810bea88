"""How a network is run for a measurement, and left as it was."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

import torch
from torch import Tensor, nn

LAYERS = (nn.Conv2d, nn.Linear)
RELUS = (nn.ReLU, nn.ReLU6)
NORMS = (nn.modules.batchnorm._BatchNorm,)
ALL_NORMS = (*NORMS, nn.LayerNorm)


def layers_of(net: nn.Module) -> dict[str, nn.Conv2d | nn.Linear]:
    """Convolutions and linear layers by name."""
    return {name: m for name, m in net.named_modules() if isinstance(m, LAYERS)}


def has_unrun_relus(net: nn.Module) -> bool:
    """The network leaves edges out that carry nothing to the output, ReLUs among them."""
    return any(getattr(module, "has_unrun_relus", False) for module in net.modules())


def relu_outputs(net: nn.Module, hooks: ExitStack) -> list[tuple[Tensor, int]]:
    """A list that fills with ReLU outputs, and how many ReLUs each stands for, as *net* runs."""
    seen: list[tuple[Tensor, int]] = []

    def note(copies: int, y: Tensor) -> None:
        seen.append((y, copies))

    for module in net.modules():
        if isinstance(module, RELUS):
            hooks.enter_context(watched(module, partial(note, getattr(module, "copies", 1))))
    return seen


def gradients_of(
    loss: Tensor, inputs: list[Tensor], *, create_graph: bool = False
) -> list[Tensor]:
    """Gradients of *loss*, zero where it does not depend on an input; the graph is kept."""
    if not loss.requires_grad:
        return [torch.zeros_like(tensor) for tensor in inputs]
    return list(
        torch.autograd.grad(
            loss, inputs, retain_graph=True, create_graph=create_graph, materialize_grads=True
        )
    )


@contextmanager
def watched(module: nn.Module, see: Callable[[Tensor], Tensor | None]) -> Iterator[None]:
    """Show *see* every output of *module*; what it gives takes the output's place."""
    handle = module.register_forward_hook(lambda _module, _args, y: see(y))
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def all_watched(
    modules: Iterable[nn.Module], see: Callable[[Tensor], Tensor | None]
) -> Iterator[None]:
    """Show *see* every output of every module."""
    with ExitStack() as hooks:
        for module in modules:
            hooks.enter_context(watched(module, see))
        yield


@contextmanager
def forked(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the global generators for dropout and its kind, and put them back afterwards."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.default_generator.manual_seed(seed)
        if devices:
            torch.cuda.manual_seed(seed)
        yield


@contextmanager
def all_edges(net: nn.Module) -> Iterator[None]:
    """Have networks that leave dead edges out run them too."""
    modules = [m for m in net.modules() if getattr(m, "runs_dead_edges", None) is False]
    for module in modules:
        module.runs_dead_edges = True  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in modules:
            module.runs_dead_edges = False  # type: ignore[assignment]


@contextmanager
def out_of_place(net: nn.Module) -> Iterator[None]:
    """Let no activation overwrite the output of the layer before it."""
    changed = [m for m in net.modules() if getattr(m, "inplace", False) is True]
    for module in changed:
        module.inplace = False  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in changed:
            module.inplace = True  # type: ignore[assignment]


@contextmanager
def without_norms(net: nn.Module) -> Iterator[None]:
    """Put the identity in the place of every batch norm and layer norm."""
    norms = [
        (parent, name, child)
        for parent in net.modules()
        for name, child in parent.named_children()
        if isinstance(child, ALL_NORMS)
    ]
    for parent, name, _ in norms:
        parent._modules[name] = nn.Identity()
    try:
        yield
    finally:
        for parent, name, child in norms:
            parent._modules[name] = child
