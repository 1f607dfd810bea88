"""Eight proxies as public code computes them: one by one, plainly written, nothing shared.

Every proxy takes a deep copy of the network in PyTorch's own layout and makes its own passes over
it. The network has the form it has in public code: every edge holds all five operations, its
convolutions with biases, and runs the chosen one; *none* multiplies by zero; dead edges run.
Nothing here is slower than what is written in this way has to be.
"""

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from search.networks._nasbench201 import EDGES, Cell, Network, ResidualBlock


class ReLUConvNorm(nn.Module):
    """What an edge with a convolution does."""

    def __init__(self, in_channels: int, out_channels: int, size: int, stride: int = 1) -> None:
        super().__init__()
        self.relu = nn.ReLU(inplace=False)
        self.conv = nn.Conv2d(in_channels, out_channels, size, stride, size // 2)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Run it."""
        return self.norm(self.conv(self.relu(x_BCHW)))


class Zero(nn.Module):
    """What an edge with *none* does."""

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Run it."""
        return x_BCHW.mul(0.0)


class PlainEdge(nn.Module):
    """All five operations, of which one runs."""

    def __init__(self, name: str, channels: int) -> None:
        super().__init__()
        self.name = name
        self.operations = nn.ModuleDict(
            {
                "none": Zero(),
                "skip_connect": nn.Identity(),
                "nor_conv_1x1": ReLUConvNorm(channels, channels, 1),
                "nor_conv_3x3": ReLUConvNorm(channels, channels, 3),
                "avg_pool_3x3": nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
            }
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Run it."""
        return self.operations[self.name](x_BCHW)


class PlainCell(nn.Module):
    """A cell that runs every edge."""

    def __init__(self, operations: list[str], channels: int) -> None:
        super().__init__()
        self.edges = nn.ModuleDict(
            {
                f"{i}-{j}": PlainEdge(name, channels)
                for (i, j), name in zip(EDGES, operations, strict=True)
            }
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Run it."""
        nodes = [x_BCHW]
        for target in (1, 2, 3):
            nodes.append(sum(self.edges[f"{i}-{target}"](nodes[i]) for i in range(target)))
        return nodes[3]


class PlainBlock(nn.Module):
    """A residual block of stride 2."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv_a = ReLUConvNorm(in_channels, out_channels, 3, 2)
        self.conv_b = ReLUConvNorm(out_channels, out_channels, 3)
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2), nn.Conv2d(in_channels, out_channels, 1, bias=False)
        )

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Run it."""
        return self.shortcut(x_BCHW) + self.conv_b(self.conv_a(x_BCHW))


class PlainNetwork(nn.Module):
    """The whole network; built and drawn as PyTorch does by itself."""

    def __init__(
        self, operations: list[str], num_classes: int = 10, channels: int = 16, cells: int = 5
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        )
        layers: list[nn.Module] = []
        for width in (channels, 2 * channels, 4 * channels):
            if width > channels:
                layers.append(PlainBlock(width // 2, width))
            layers += [PlainCell(operations, width) for _ in range(cells)]
        self.layers = nn.Sequential(*layers)
        self.norm = nn.BatchNorm2d(4 * channels)
        self.relu = nn.ReLU()
        self.classifier = nn.Linear(4 * channels, num_classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Run it."""
        x_BCHW = self.relu(self.norm(self.layers(self.stem(x_BCHW))))
        return self.classifier(F.adaptive_avg_pool2d(x_BCHW, 1).flatten(1))


def with_weights_of(net: Network, plain: PlainNetwork) -> PlainNetwork:
    """Give *plain* the values of our network, so that scores can be compared."""
    plain.stem.load_state_dict(net.stem.state_dict())
    plain.norm.load_state_dict(net.norm.state_dict())
    plain.classifier.load_state_dict(net.classifier.state_dict())
    for ours, theirs in zip(net.layers, plain.layers, strict=True):
        if isinstance(ours, Cell):
            for name, conv_norm in ours.convolutions.items():
                edge = theirs.edges[name]
                _copy(conv_norm, edge.operations[edge.name])
        elif isinstance(ours, ResidualBlock):
            _copy(ours.conv_a, theirs.conv_a)
            _copy(ours.conv_b, theirs.conv_b)
            theirs.shortcut[1].load_state_dict(ours.shortcut.state_dict())
    return plain


def _copy(conv_norm: nn.Module, edge: nn.Module) -> None:
    """Biases are zero: in front of a norm they change nothing, but synflow has no norms."""
    edge.conv.load_state_dict(
        {**conv_norm[0].state_dict(), "bias": torch.zeros_like(edge.conv.bias)}
    )
    edge.norm.load_state_dict(conv_norm[1].state_dict())


def layers_of(net: nn.Module) -> list[nn.Module]:
    """What is scored: convolutions and linear layers."""
    return [m for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def total(values: list[Tensor]) -> float:
    """Everything added up."""
    return float(sum(value.detach().sum() for value in values))


def gradient_of(weight: Tensor) -> Tensor:
    """Its gradient, zero where none came."""
    return torch.zeros_like(weight) if weight.grad is None else weight.grad


def grad_norm(net: nn.Module, x_BCHW: Tensor, y_B: Tensor) -> float:
    """Norms of the layers' gradients."""
    F.cross_entropy(net(x_BCHW), y_B).backward()
    return total([gradient_of(layer.weight).norm() for layer in layers_of(net)])


def plain(net: nn.Module, x_BCHW: Tensor, y_B: Tensor) -> float:
    """Weight times gradient."""
    F.cross_entropy(net(x_BCHW), y_B).backward()
    return total([gradient_of(layer.weight) * layer.weight for layer in layers_of(net)])


def snip(net: nn.Module, x_BCHW: Tensor, y_B: Tensor) -> float:
    """Masks of ones on the weights take the gradient."""
    for layer in layers_of(net):
        layer.mask = nn.Parameter(torch.ones_like(layer.weight))
        layer.weight.requires_grad = False
        layer.forward = (_masked_conv if isinstance(layer, nn.Conv2d) else _masked_linear)(layer)
    F.cross_entropy(net(x_BCHW), y_B).backward()
    return total([gradient_of(layer.mask).abs() for layer in layers_of(net)])


def _masked_conv(layer: nn.Conv2d) -> Callable[[Tensor], Tensor]:
    return lambda x: F.conv2d(
        x,
        layer.weight * layer.mask,
        layer.bias,
        layer.stride,
        layer.padding,
        layer.dilation,
        layer.groups,
    )


def _masked_linear(layer: nn.Linear) -> Callable[[Tensor], Tensor]:
    return lambda x: F.linear(x, layer.weight * layer.mask, layer.bias)


def grasp(net: nn.Module, x_BCHW: Tensor, y_B: Tensor) -> float:
    """First the gradient, then a second forward for its product with the Hessian."""
    weights = [layer.weight for layer in layers_of(net)]
    loss = F.cross_entropy(net(x_BCHW), y_B)
    first = torch.autograd.grad(loss, weights, materialize_grads=True)
    loss = F.cross_entropy(net(x_BCHW), y_B)
    second = torch.autograd.grad(loss, weights, create_graph=True, materialize_grads=True)
    sum((a * b).sum() for a, b in zip(first, second, strict=True)).backward()
    return total([-weight.detach() * gradient_of(weight) for weight in weights])


def fisher(net: nn.Module, x_BCHW: Tensor, y_B: Tensor) -> float:
    """Every layer's output and its gradient, through an identity behind the layer."""
    values: list[Tensor] = []
    for layer in layers_of(net):
        layer.after = nn.Identity()
        layer.forward = _followed(layer)
        layer.after.register_full_backward_hook(_fisher_hook(layer, values))
    F.cross_entropy(net(x_BCHW), y_B).backward()
    return total(values)


def _followed(layer: nn.Module) -> Callable[[Tensor], Tensor]:
    def forward(x: Tensor) -> Tensor:
        layer.seen = layer.after(type(layer).forward(layer, x))
        return layer.seen

    return forward


def _fisher_hook(layer: nn.Module, values: list[Tensor]) -> Callable[..., None]:
    def hook(_module: nn.Module, _inputs: object, gradients: tuple[Tensor, ...]) -> None:
        product = layer.seen.detach() * gradients[0]
        u_BO = product.sum(dim=(2, 3)) if product.ndim == 4 else product
        channel_O = (0.5 * u_BO.pow(2).mean(dim=0)).abs()
        shape = [-1] + [1] * (layer.weight.ndim - 1)
        values.append(channel_O.view(shape).expand_as(layer.weight))

    return hook


def synflow(net: nn.Module, x_BCHW: Tensor, y_B: Tensor) -> float:
    """Absolute weights in double precision, norms off, one image of ones."""
    net.double()
    for tensor in net.state_dict().values():
        tensor.abs_()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            module.forward = lambda x: x
    net(torch.ones_like(x_BCHW[:1], dtype=torch.float64)).sum().backward()
    return total([(gradient_of(layer.weight) * layer.weight).abs() for layer in layers_of(net)])


def jacob_cov(net: nn.Module, x_BCHW: Tensor, y_B: Tensor) -> float:
    """Correlation of input gradients."""
    x_BCHW = x_BCHW.clone().requires_grad_()
    y_BK = net(x_BCHW)
    y_BK.backward(torch.ones_like(y_BK))
    v = np.linalg.eigvalsh(np.corrcoef(x_BCHW.grad.flatten(1).double().numpy())) + 1e-5
    return float(-np.sum(np.log(v) + 1 / v))


def nwot(net: nn.Module, x_BCHW: Tensor, y_B: Tensor) -> float:
    """Two products of codes for every ReLU."""
    K_BB = np.zeros((len(x_BCHW), len(x_BCHW)))

    def hook(_module: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        nonlocal K_BB
        x_BA = (inputs[0].flatten(1) > 0).float()
        K_BB = K_BB + (x_BA @ x_BA.t()).numpy() + ((1 - x_BA) @ (1 - x_BA).t()).numpy()

    for module in net.modules():
        if isinstance(module, nn.ReLU | nn.ReLU6):
            module.register_forward_hook(hook)
    with torch.no_grad():
        net(x_BCHW)
    return float(np.linalg.slogdet(K_BB)[1])


PROXIES = {f.__name__: f for f in (
    grad_norm, snip, grasp, fisher, synflow, jacob_cov, plain, nwot,
)}  # fmt: skip


def score(name: str, net: nn.Module, x_BCHW: Tensor, y_B: Tensor) -> float:
    """One proxy on a copy of the network."""
    return PROXIES[name](copy.deepcopy(net), x_BCHW, y_B)
