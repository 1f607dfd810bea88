import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.flop_counter import FlopCounterMode

from search.networks import networks
from search.networks._mobile import Bottleneck, Gate, rounded
from search.spaces.mobile import WIDTHS, mobile, side, units_of

LARGEST = (3, 2, *[2] * 45)
SMALLEST = (0,) * 47


def build(arch, device="meta", shape=(3, 32, 32), num_classes=10, **params):
    return networks["mobile"](
        arch,
        shape=shape,
        num_classes=num_classes,
        generator=torch.Generator().manual_seed(0),
        device=torch.device(device),
        **params,
    )


def counts(net):
    with FlopCounterMode(display=False) as counter:
        net(torch.zeros(2, 3, 32, 32, device="meta"))
    return sum(p.numel() for p in net.parameters()), counter.get_total_flops() // 4


class Tally:
    """Parameters and multiply-adds by hand, layer by layer."""

    def __init__(self, size):
        self.size, self.params, self.macs = size, 0, 0

    def conv_norm(self, weights, out_channels, stride=1):
        self.size = -(-self.size // stride)
        self.params += weights + 2 * out_channels
        self.macs += weights * self.size**2

    def linear(self, weights, biases=0):
        self.params += weights + biases
        self.macs += weights


def hand_counts(arch, resolution, num_classes=10):
    def width(channels):
        return rounded(channels * WIDTHS[arch[1]])

    tally, channels = Tally(side(arch, resolution)), width(16)
    tally.conv_norm(27 * channels, channels, stride=2)
    tally.conv_norm(9 * channels, channels)
    tally.conv_norm(channels**2, channels)
    plan = zip(units_of(arch), (24, 40, 80, 112, 160), (2, 2, 2, 1, 2), "01011", strict=True)
    for blocks, base, stride, gate in plan:
        for place, (kernel, expansion) in enumerate(blocks):
            inner = rounded(channels * expansion)
            tally.conv_norm(channels * inner, inner)
            tally.conv_norm(kernel**2 * inner, inner, stride=1 if place else stride)
            squeezed = rounded(inner // 4) * int(gate)
            tally.linear(2 * inner * squeezed, (inner + squeezed) * int(gate))
            tally.conv_norm(inner * width(base), width(base))
            channels = width(base)
    tally.conv_norm(channels * width(960), width(960))
    tally.linear(width(960) * width(1280))
    tally.linear(width(1280) * num_classes, num_classes)
    return tally.params, tally.macs


@pytest.mark.parametrize("arch", [SMALLEST, LARGEST])
@pytest.mark.parametrize("resolution", [32, 224])
def test_counts_are_those_by_hand(arch, resolution):
    assert counts(build(arch, resolution=resolution)) == hand_counts(arch, resolution)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, mobile.size - 1).map(mobile.at))
def test_counts_of_any_arch_are_those_by_hand(arch):
    assert counts(build(arch, resolution=64)) == hand_counts(arch, 64)


@pytest.mark.parametrize(
    ("channels", "multiple"),
    [(3, 8), (12, 16), (11.9, 16), (18, 24), (20, 24), (30, 32), (84, 88), (83.9, 80)],
)
def test_channels_are_rounded_to_multiples_of_eight(channels, multiple):
    assert rounded(channels) == multiple


def test_images_are_resized_to_the_share_of_the_resolution():
    net = build(SMALLEST, "cpu", shape=(1, 8, 8), resolution=56)
    seen = []
    net.stem.register_forward_hook(lambda _m, args, _y: seen.append(tuple(args[0].shape)))

    net(torch.zeros(2, 1, 8, 8))

    assert seen == [(2, 1, 32, 32)]


def test_images_of_the_right_side_are_left_alone():
    net = build((3, *SMALLEST[1:]), "cpu", resolution=8)
    x_BCHW = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    seen = []
    net.stem.register_forward_hook(lambda _m, args, _y: seen.append(args[0]))

    net(x_BCHW)

    assert seen[0] is x_BCHW


def test_choices_beyond_the_depth_give_the_same_network():
    arch = tuple(1 if name.startswith("unit 2 block 4") else 0 for name in NAMES)

    first, second = build(SMALLEST, "cpu").state_dict(), build(arch, "cpu").state_dict()

    torch.testing.assert_close(first, second, rtol=0, atol=0)


NAMES = [decision.name for decision in mobile.decisions]


def test_gate_scales_channels_by_a_hard_sigmoid():
    gate = Gate(8)
    torch.nn.init.zeros_(gate.excite.weight)
    gate.excite.bias.data = torch.tensor([-4.0, -3, -1.5, 0, 1.5, 3, 4, 30])

    y_BCHW = gate(torch.ones(1, 8, 2, 2))

    assert y_BCHW[0, :, 0, 0].tolist() == [0, 0, 0.25, 0.5, 0.75, 1, 1, 1]


@pytest.mark.parametrize(
    ("out_channels", "stride", "has_shortcut"), [(8, 1, True), (8, 2, False), (16, 1, False)]
)
def test_shortcut_is_there_where_the_shape_stays(out_channels, stride, has_shortcut):
    block = Bottleneck(8, out_channels, 3, 3, stride, has_relu=True, has_gate=False)

    assert block.has_shortcut is has_shortcut


def test_exported_code_runs_without_archfront(tmp_path):
    file = tmp_path / "net.py"
    file.write_text(
        mobile.python_source(SMALLEST, shape=(1, 16, 16), num_classes=7, params={"resolution": 56})
    )

    output = subprocess.run(
        [sys.executable, "-I", str(file)], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout

    net = build(SMALLEST, shape=(1, 16, 16), num_classes=7)
    assert output.split() == ["(2,", "7)", str(sum(p.numel() for p in net.parameters()))]
    assert "resolution=32," in file.read_text()
    assert "from search" not in file.read_text()


def test_exporting_code_does_not_load_torch():
    program = (
        "import sys; from search.spaces.mobile import mobile as s; "
        "s.python_source((0,) * 47, shape=(3, 8, 8), num_classes=2, params={}); "
        "print('torch' in sys.modules)"
    )

    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout

    assert output.strip() == "False"
