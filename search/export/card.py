"""The model card: what a network is, how it came about, how it is used, and what it is not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.datasets import Images
from search.export.bundle import sha256
from search.export.onnx_file import BATCH, INPUT, OPSET, OUTPUT
from search.spec import Spec


@dataclass(frozen=True)
class Facts:
    """What the card says.

    Attributes:
        arch: as text.
        member: as text, when another arch of its class was measured; else empty.
        number: of the trial.
        scores: name, kind, unit, value and provenance of each objective, as JSON.
        weights: where they come from, in a sentence.
        training: how they were trained, as JSON.
        num_params: of the exported network.
        num_macs: multiply-adds for one image.
        left_out: parameters of branches that never run.
        check: the report of the check.
        environment: device, threads and torch version, as JSON.
    """

    arch: str
    member: str
    number: int
    scores: list[dict[str, Any]]
    weights: str
    training: dict[str, Any]
    num_params: int
    num_macs: int
    left_out: int
    check: Mapping[str, Any]
    environment: Mapping[str, Any]


def card(spec: Spec, images: Images, facts: Facts, files: Mapping[str, bytes]) -> str:
    """The card as Markdown.

    Args:
        spec: of the search.
        images: what was trained and checked on.
        facts: about the network.
        files: of the bundle, without the card.
    """
    parts = [
        _what(spec, images, facts),
        _use(files),
        _input(images),
        _origin(spec, facts),
        _scores(facts),
        _training(facts),
        _check(facts),
        _limits(images, facts),
        _files(files),
    ]
    return "\n\n".join(parts) + "\n"


def _what(spec: Spec, images: Images, facts: Facts) -> str:
    shape = " x ".join(map(str, images.info.shape))
    measured = f"\nMeasured as its equal `{facts.member}`, whose network this is." * bool(
        facts.member
    )
    left = f" ({facts.left_out:,} more are in branches that never run; they are left out)"
    return (
        f"# A network of {spec.space.name}\n\n"
        f"Architecture: `{facts.arch}`{measured}\n\n"
        f"It maps images of {shape} to {images.info.num_classes} classes.\n\n"
        f"* parameters: {facts.num_params:,}{left if facts.left_out else ''}\n"
        f"* multiply-adds for one image: {facts.num_macs:,} (convolutions and matrix products, "
        "counted by torch)\n"
        f"* parameters of the network builder: `{json.dumps(spec.network, sort_keys=True)}`"
    )


def _use(files: Mapping[str, bytes]) -> str:
    lines = ["## Use"]
    if "model.py" in files:
        lines.append(
            "In the folder of these files, with torch and safetensors:\n\n"
            "```python\nfrom model import load\nnet = load('weights.safetensors')\n"
            "logits = net(images)\n```"
        )
    if "model.onnx" in files:
        lines.append(
            "With onnxruntime:\n\n"
            "```python\nimport onnxruntime\n"
            "session = onnxruntime.InferenceSession('model.onnx')\n"
            f"(logits,) = session.run(['{OUTPUT}'], {{'{INPUT}': images}})\n```\n\n"
            f"ONNX opset {OPSET}; the number of images (axis 0, `{BATCH}`) is free."
        )
    return "\n\n".join(lines)


def _input(images: Images) -> str:
    channels, height, width = images.info.shape
    names = images.info.class_names
    classes = f"\n\nClasses, from 0: {', '.join(names)}." if names else ""
    return (
        "## Input\n\n"
        f"`images` are float32 of shape B x {channels} x {height} x {width}: pixels from 0 to "
        "255, divided by 255, minus the mean, divided by the deviation of their channel.\n\n"
        f"* mean: {[float(value) for value in images.mean]}\n"
        f"* deviation: {[float(value) for value in images.deviation]}{classes}"
    )


def _origin(spec: Spec, facts: Facts) -> str:
    data = f"{spec.data.name} {json.dumps(spec.data.params, sort_keys=True)}"
    return (
        "## How it was found\n\n"
        f"* search: {spec.name}, hash of its description `{spec.digest()}`, trial {facts.number}\n"
        f"* strategy: {spec.strategy.name}; this search was given the architecture\n"
        f"* seed: {spec.seed}\n"
        f"* data: {data}\n"
        f"* environment: `{json.dumps(dict(facts.environment), sort_keys=True)}`"
    )


def _scores(facts: Facts) -> str:
    rows = [
        f"| {s['objective']} | {s['value']} | {s['unit']} | {s['kind']} | `{s['metric']}` |"
        for s in facts.scores
    ]
    return "\n".join(
        [
            "## Scores\n",
            "As the search measured them; kinds are not to be compared with each other.\n",
            "| objective | value | unit | kind | metric and parameters |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )


def _training(facts: Facts) -> str:
    content = json.dumps(facts.training, indent=2, sort_keys=True)
    return f"## Weights\n\n{facts.weights}\n\n```json\n{content}\n```"


def _check(facts: Facts) -> str:
    check = facts.check
    accuracies = check["accuracy_percent"]
    rows = [
        f"| {name} | {accuracies[name]:.4g} | {difference:.3g} |"
        for name, difference in check["largest_difference"].items()
    ]
    return "\n".join(
        [
            "## Check\n",
            f"On {check['images']:,} images of the {check['part']} part, beside the network that "
            f"was scored, which has {accuracies['original']:.4g} % right there. Allowed: "
            f"{check['tolerance']}. More in `check.json`.\n",
            "| files | top-1, % | largest difference of a logit |",
            "|---|---|---|",
            *rows,
        ]
    )


def _limits(images: Images, facts: Facts) -> str:
    height, width = images.info.shape[1:]
    return (
        "## Limits\n\n"
        f"* It was trained for images of {height} x {width} that are like those of its data, and "
        "for nothing else; how it does on others was not measured.\n"
        "* The accuracy is of one training with one seed.\n"
        "* Whoever chose it by its test accuracy has made that figure too good.\n"
        "* Licence: the code follows the networks of Archfront, which are under Apache-2.0. What "
        "may be done with the weights also depends on the terms of the data."
    )


def _files(files: Mapping[str, bytes]) -> str:
    rows = [
        f"| {name} | {len(content):,} | `{sha256(content)}` |" for name, content in files.items()
    ]
    return "\n".join(["## Files\n", "| file | bytes | sha256 |", "|---|---|---|", *rows])
