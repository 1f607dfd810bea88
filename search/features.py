"""Where a network's features are, as it says itself."""

from torch import nn

from search.errors import NotApplicableError


def feature_blocks(net: nn.Module) -> list[nn.Module]:
    """The modules that give the stem's and every block's output, in order.

    Raises:
        NotApplicableError: the network names fewer than two.
    """
    blocks: list[nn.Module] = list(getattr(net, "feature_blocks", []))
    if len(blocks) < 2:
        raise NotApplicableError("the network does not name two or more feature_blocks")
    return blocks


def last_features(net: nn.Module) -> nn.Module:
    """The module whose maps are pooled for the classifier.

    Raises:
        NotApplicableError: the network names none.
    """
    module = getattr(net, "last_features", None)
    if not isinstance(module, nn.Module):
        raise NotApplicableError("the network does not name its last_features")
    return module
