"""Measures of subnets with the weights of a trained supernet, of the kind ``supernet``."""

from collections.abc import Sequence
from typing import Any, Protocol

from search.probe import Measurement
from search.registry import Registry
from search.spaces import Arch
from search.supernets.trained import TrainedSupernet


class Inherited(Protocol):
    """One value of each of some subnets; keyword arguments with defaults are its parameters.

    Its traits are declared with ``search.traits.declares``; ``needs_supernet`` is one of them.
    """

    def __call__(
        self,
        trained: TrainedSupernet,
        archs: Sequence[Arch],
        /,
        *_: Any,  # noqa: ANN401
        **params: Any,  # noqa: ANN401
    ) -> list[Measurement]:
        """A value for each arch, in their order; the same whichever they are beside.

        Raises:
            ValueError: one of them is no arch of the space.
        """


inherited: Registry[Inherited] = Registry(__name__)
