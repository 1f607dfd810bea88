"""A recurrent network of NAS-Bench-NLP, in plain PyTorch (Klyuchnikov et al., 2020).

The network reads a sequence column by column: the columns of an image, or of a text in which every
column is a symbol, one-hot, so that the embedding is a look-up. It tells what class the image is
of, or what symbol comes next. Shapes: B sequences, C channels, H height, W columns, F features of
a column, D units of a layer, K classes.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "activation_tanh": torch.tanh,
    "activation_sigm": torch.sigmoid,
    "activation_leaky_relu": nn.functional.leaky_relu,
}


class Sum(nn.Module):
    """The sum of a linear map of each input, with one bias."""

    def __init__(self, in_features: Sequence[int], out_features: int) -> None:
        super().__init__()
        self.maps = nn.ModuleList(
            nn.Linear(width, out_features, bias=place == 0)
            for place, width in enumerate(in_features)
        )

    def forward(self, *inputs: Tensor) -> Tensor:
        terms = [run(x_BF) for run, x_BF in zip(self.maps, inputs, strict=True)]
        total: Tensor = sum(terms[1:], terms[0])
        return total


class Cell(nn.Module):
    """One step of a recipe: new hidden states from a token and the hidden states before it.

    Args:
        recipe: operation and inputs of each node, every node after what it reads.
        in_features: of a token.
        width: of a hidden state.
    """

    def __init__(self, recipe: Mapping[str, Any], in_features: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.steps = [(name, node["op"], node["input"]) for name, node in recipe.items()]
        self.linear = nn.ModuleDict(
            {
                name: Sum([in_features if i == "x" else width for i in inputs], width)
                for name, operation, inputs in self.steps
                if operation == "linear"
            }
        )
        self.num_hidden = sum(name.startswith("h_new_") for name in recipe)

    def forward(self, x_BF: Tensor, hidden: Sequence[Tensor]) -> list[Tensor]:
        values = {"x": x_BF} | {f"h_prev_{i}": h_BD for i, h_BD in enumerate(hidden)}
        for name, operation, inputs in self.steps:
            read = [values[source] for source in inputs]
            values[name] = (
                self.linear[name](*read) if operation == "linear" else applied(operation, *read)
            )
        return [values[f"h_new_{i}"] for i in range(self.num_hidden)]


class Layer(nn.Module):
    """A cell run over a sequence, from hidden states of zeros."""

    def __init__(self, recipe: Mapping[str, Any], in_features: int, width: int) -> None:
        super().__init__()
        self.cell = Cell(recipe, in_features, width)

    def forward(self, x_WBF: Tensor) -> Tensor:
        zeros_BD = x_WBF.new_zeros(x_WBF.shape[1], self.cell.width)
        hidden = [zeros_BD] * self.cell.num_hidden
        outputs = []
        for x_BF in x_WBF:
            hidden = self.cell(x_BF, hidden)
            outputs.append(hidden[0])
        return torch.stack(outputs)


class Network(nn.Module):
    """The whole network.

    Args:
        recipe: operation and inputs of each node of a cell, every node after what it reads.
        features: of a column.
        num_classes: how many outputs.
        embedding: units that a column is mapped to, and of the last layer.
        hidden: units of the other layers.
        layers: how many.
    """

    def __init__(
        self,
        recipe: Mapping[str, Any],
        features: int,
        num_classes: int,
        embedding: int = 32,
        hidden: int = 48,
        layers: int = 1,
    ) -> None:
        super().__init__()
        widths = [embedding, *[hidden] * (layers - 1), embedding]
        self.embedding = nn.Linear(features, embedding, bias=False)
        self.layers = nn.Sequential(
            *(Layer(recipe, in_features, width) for in_features, width in pairwise(widths))
        )
        self.classifier = nn.Linear(embedding, num_classes)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        h_WBD = self.layers(self.embedding(columns(x_BCHW)))
        logits_BK: Tensor = self.classifier(h_WBD[-1])
        return logits_BK


def columns(x_BCHW: Tensor) -> Tensor:
    """What is read, column by column, W x B x F."""
    return x_BCHW.permute(3, 0, 1, 2).flatten(2)


def applied(operation: str, *read: Tensor) -> Tensor:
    """What a node without weights makes of what it reads."""
    if operation == "blend":
        gate, first, second = read
        return gate * first + (1 - gate) * second
    if operation == "elementwise_prod":
        return read[0] * read[1]
    if operation == "elementwise_sum":
        return read[0] + read[1]
    return ACTIVATIONS[operation](read[0])
