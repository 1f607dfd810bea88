"""From a trial to the file of its network."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from search import artifacts
from search.conditions import Conditions
from search.errors import ExportError, SpecError
from search.events import Artifact, Log, Score, Trial
from search.export.bundle import packed
from search.export.card import Facts, card
from search.export.checking import Written, checked
from search.export.code import Code, code_of, network_from
from search.export.onnx_file import onnx_of
from search.meters import InheritedMeter, Meter, PluginMeter, TrainingMeter
from search.spaces import Arch, spaces
from search.spec import Export, Spec
from search.supernets.norms import Policy
from search.supernets.trained import TrainedSupernet

EXTENSION = "zip"
NORMS: dict[Policy, str] = {  # what the norms of an inherited network have
    "recalibrated": "Its norms have statistics of their own for this architecture, from training "
    "images; with them it was scored.",
    "tracked": "Its norms have the running statistics of the supernet; with them it was scored.",
    "batch": "It was scored with the statistics of every batch. Here its norms have statistics "
    "for this architecture, from training images, so that single images can be classified; the "
    "accuracy below may therefore be another than the score.",
}


class Exporter:
    """Writes the networks of a search's trials as files.

    Args:
        spec: of the search; it has an export.
        meters: of its objectives.
        conditions: under which it measures.
        data_dir: where artifacts lie.

    Attributes:
        place: of the objective whose weights are written.

    Raises:
        SpecError: that objective has no weights.
    """

    def __init__(
        self, spec: Spec, meters: Sequence[Meter], conditions: Conditions | None, data_dir: Path
    ) -> None:
        assert spec.export is not None
        self._spec = spec
        self._export: Export = spec.export
        self._meters = meters
        self._data_dir = data_dir
        self._space = spaces[spec.space.name]
        names = [objective.name for objective in spec.objectives]
        self.place = names.index(spec.export.weights)
        has_weights = isinstance(meters[self.place], TrainingMeter | InheritedMeter)
        if conditions is None or not has_weights:
            name = spec.export.weights
            raise SpecError({"export.weights": f"{name} neither trains nor inherits weights"})
        self._conditions = conditions

    def export(self, trial: Trial, trained: nn.Module | None) -> Artifact | Log:
        """The artifact of a trial, or why there is none.

        Args:
            trial: whose network is written.
            trained: the network, if the objective is a training.
        """
        try:
            return self._exported(trial, trained)
        except ExportError as error:
            why = str(error)
        except Exception as error:  # of a network, the exporter or the disk; the trial stands
            why = f"{type(error).__name__}: {error}"
        return Log("error", f"the network of trial {trial.number} was not exported: {why}")

    def _exported(self, trial: Trial, trained: nn.Module | None) -> Artifact:
        meter = self._meters[self.place]
        score = next(
            s for s in trial.scores if s.objective == self._spec.objectives[self.place].name
        )
        if score.value is None:
            why = score.details.get("error") or score.details.get("reason") or score.status
            raise ExportError(f"{score.objective} has no value: {why}")
        assert isinstance(meter, PluginMeter)
        member = self._space.canonical(trial.arch, meter.equivalence)
        net = (trained if trained is not None else self._inherited(meter, member)).eval()
        text, member_text = self._space.encode(trial.arch), self._space.encode(member)
        content = self._bundle(net, trial, meter, text, "" if member_text == text else member_text)
        digest, _ = artifacts.keep(self._data_dir, content, EXTENSION)
        name = f"{self._spec.space.name}-trial-{trial.number}.{EXTENSION}"
        info = {
            "space": self._spec.space.name,
            "arch": text,
            "weights": score.objective,
            "formats": list(self._export.formats),
        }
        return Artifact("export", name, digest, len(content), info, trial.number)

    def _inherited(self, meter: PluginMeter, arch: Arch) -> nn.Module:
        supernet = self._conditions.trained
        if not isinstance(meter, InheritedMeter) or supernet is None:
            raise ExportError(f"there is no network that {meter.aim.name} has trained")
        params = meter.params
        return supernet.collapse(
            arch, batches=params["calibration_batches"], batch_size=params["calibration_size"]
        )

    def _bundle(
        self, net: nn.Module, trial: Trial, meter: PluginMeter, text: str, member: str
    ) -> bytes:
        images, formats = self._conditions.images, self._export.formats
        shape = images.info.shape
        code = code_of(net, shape, title=_title(self._spec, text))
        files: dict[str, bytes] = {}
        if "pytorch" in formats:
            files["model.py"] = code.text.encode()
            files["weights.safetensors"] = save(code.weights)
        written = _loaded(code)
        if "onnx" in formats:
            files["model.onnx"] = onnx_of(written, shape)
        check = checked(Written(files, code.name), net, images)
        files["check.json"] = (json.dumps(check, indent=2, sort_keys=True) + "\n").encode()
        num_params = sum(p.numel() for p in written.parameters())
        facts = Facts(
            arch=text,
            member=member,
            number=trial.number,
            scores=[_told(s, m) for s, m in zip(trial.scores, self._meters, strict=True)],
            weights=_source(meter, self._conditions.trained),
            training=self._training(meter),
            num_params=num_params,
            num_macs=_num_macs(code, shape),
            left_out=sum(p.numel() for p in net.parameters()) - num_params,
            check=check,
            environment=self._conditions.by_dependency["environment"],
        )
        about = card(self._spec, images, facts, files).encode()
        return packed({"card.md": about, **files})

    def _training(self, meter: PluginMeter) -> dict[str, Any]:
        """How the weights came about, as JSON."""
        found: dict[str, Any] = {
            "dataset": self._conditions.by_dependency["dataset"],
            "metric": meter.described()["metric"],
            "params": meter.params,
            "seed": self._spec.seed,
        }
        supernet = self._conditions.trained
        if meter.traits.needs_supernet and supernet is not None:
            about = supernet.info
            found["supernet"] = {
                "checkpoint": supernet.digest,
                "recipe": about.recipe,
                "params": about.recipe_params,
                "steps": about.steps,
                "seed": about.seed,
            }
        return found


def _title(spec: Spec, arch: str) -> str:
    lines = [arch[start : start + 90] for start in range(0, len(arch), 90)]
    return f"A network of {spec.space.name}.\n\nArchitecture:\n" + "\n".join(lines) + "\n"


def _loaded(code: Code) -> nn.Module:
    net = network_from(code.text, code.name)
    net.load_state_dict(code.weights)
    return net.requires_grad_(False)


def _num_macs(code: Code, shape: tuple[int, int, int]) -> int:
    """Multiply-adds of one image: half of what torch counts as operations."""
    with torch.device("meta"):
        net = network_from(code.text, code.name)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            net(torch.zeros(2, *shape))
    return int(counter.get_total_flops()) // 4


def _source(meter: PluginMeter, supernet: TrainedSupernet | None) -> str:
    """Where weights come from, in words."""
    if not isinstance(meter, TrainingMeter):
        assert supernet is not None
        return f"Inherited from a supernet. {NORMS[supernet.norms.kind]}"
    if meter.traits.needs_supernet:
        return "Inherited from a supernet and fine-tuned; the weights of the last epoch."
    return "Trained alone, from drawn weights; the weights of the last epoch."


def _told(score: Score, meter: Meter) -> dict[str, Any]:
    unit, about = "", "table"
    if isinstance(meter, PluginMeter):
        unit = meter.traits.unit
        metric = meter.described()["metric"]
        about = f"{metric} {json.dumps(meter.params, sort_keys=True, default=str)}"
    return {
        "objective": score.objective,
        "value": score.status if score.value is None else f"{score.value:.6g}",
        "unit": unit,
        "kind": score.kind,
        "metric": about,
    }
