"""Networks: what builds the torch module of an arch, one builder for each space."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from torch import Tensor, nn

from search.registry import Registry
from search.spaces import Arch


class NetworkBuilder(Protocol):
    """Builds the network of one arch, in training mode.

    Called with the keyword arguments ``shape`` (channels, height and width of one image),
    ``num_classes``, ``generator`` (a torch generator on the CPU, from which the weights are
    drawn, so that every device gets equal ones) and ``device`` (on ``meta`` nothing is drawn).
    Keyword arguments with defaults are the builder's parameters.

    The network may say where its features are; proxies that read them do not apply otherwise:
    ``feature_blocks``, the modules that give the stem's and every block's output, in order, and
    ``last_features``, the module whose maps are pooled for the classifier.
    """

    def __call__(self, arch: Arch, /, *args: Any, **keywords: Any) -> nn.Module:  # noqa: ANN401
        """A fresh network; nothing is drawn from the global generators."""


ConstantOutputs = Callable[[Arch, Sequence[float]], Sequence[Tensor]]

_Builder = TypeVar("_Builder", bound=NetworkBuilder)
_SHORTCUT = "constant_outputs_shortcut"
_CONTENT = "reads_content"


def knows_constant_outputs(
    prepare: Callable[..., ConstantOutputs],
) -> Callable[[_Builder], _Builder]:
    """Give a builder a faster way to the outputs of its networks under constant weights.

    Args:
        prepare: called with the batch and the builder's parameters; gives a function of arch and
            constants, whose values are those of the one-output network in training mode.
    """

    def attach(builder: _Builder) -> _Builder:
        setattr(builder, _SHORTCUT, prepare)
        return builder

    return attach


def constant_outputs(
    builder: NetworkBuilder, x_BCHW: Tensor, **params: object
) -> ConstantOutputs | None:
    """The builder's faster way, ready for this batch; None if it has none."""
    prepare: Callable[..., ConstantOutputs] | None = getattr(builder, _SHORTCUT, None)
    return prepare(x_BCHW, **params) if prepare else None


def reads_text(builder: _Builder) -> _Builder:
    """Say of a builder that its networks read text, not pictures."""
    setattr(builder, _CONTENT, "text")
    return builder


def content_of(builder: NetworkBuilder) -> str:
    """What the networks of a builder read: ``images`` or ``text``, as data sets say it."""
    return str(getattr(builder, _CONTENT, "images"))


networks: Registry[NetworkBuilder] = Registry(__name__)
