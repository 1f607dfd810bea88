"""Networks of the elastic vision transformer, against counts by hand and torch's own attention."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from search.networks import networks
from search.networks._vit import attended, patches
from search.probe import Batch, Probe
from search.spaces.vit import blocks_of, vit

SMALLEST = (0,) * 14
LARGEST = (2, 4, *[2] * 12)


def build(arch, device="meta", shape=(3, 8, 8), num_classes=10, **params):
    return networks["vit"](
        arch,
        shape=shape,
        num_classes=num_classes,
        generator=torch.Generator().manual_seed(0),
        device=torch.device(device),
        **params,
    )


def counts(net, shape=(3, 8, 8)):
    with FlopCounterMode(display=False) as counter:
        net(torch.zeros(2, *shape, device="meta"))
    return sum(p.numel() for p in net.parameters()), counter.get_total_flops() // 4


def hand_counts(arch, tokens, inputs, head_width, num_classes=10):
    """Parameters, and multiply-adds of an image."""
    width = (2, 3, 4)[arch[0]] * head_width
    params = inputs * width + width + tokens * width
    macs = tokens * inputs * width
    for heads, ratio in blocks_of(arch):
        inner, hidden = heads * head_width, ratio * width
        params += 4 * width + 3 * (width * inner + inner) + inner * width + width
        params += 2 * width * hidden + hidden + width
        macs += tokens * (4 * width * inner + 2 * width * hidden) + 2 * tokens**2 * inner
    return params + 2 * width + width * num_classes + num_classes, macs + width * num_classes


@pytest.mark.parametrize("arch", [SMALLEST, LARGEST])
@pytest.mark.parametrize(("patch", "tokens"), [(2, 16), (4, 4), (3, 9)])
def test_counts_are_those_by_hand(arch, patch, tokens):
    net = build(arch, patch=patch, head_width=8)

    assert counts(net) == hand_counts(arch, tokens, 3 * patch**2, 8)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, vit.size - 1).map(vit.at))
def test_counts_of_any_arch_are_those_by_hand(arch):
    assert counts(build(arch)) == hand_counts(arch, 4, 48, 16)


@pytest.mark.parametrize("is_large", [False, True])
def test_the_macs_of_a_search_count_attention(is_large):
    arch = LARGEST if is_large else SMALLEST
    batch = Batch(torch.zeros(2, 3, 8, 8), torch.zeros(2, dtype=torch.long), 10)

    def made(num_classes, generator):
        return build(arch, "cpu", num_classes=num_classes, patch=2, head_width=8)

    probe = Probe(made, batch, seed=0)
    probe.forward  # noqa: B018  # of which macs are taken where they can be

    assert probe.num_macs == hand_counts(arch, 16, 12, 8)[1]


def test_attention_is_torchs_own():
    q, k, v = torch.randn(3, 2, 5, 12, generator=torch.Generator().manual_seed(0))

    ours = attended(q, k, v, 4)

    split = [x.unflatten(2, (3, 4)).transpose(1, 2) for x in (q, k, v)]
    theirs = F.scaled_dot_product_attention(*split).transpose(1, 2).flatten(2)
    torch.testing.assert_close(ours, theirs)


def test_patches_are_cut_row_by_row_and_filled_up_with_zeros():
    x = torch.arange(6.0).view(1, 1, 2, 3)

    assert patches(x, 2).tolist() == [[[0, 1, 3, 4], [2, 0, 5, 0]]]


def test_patches_times_a_weight_are_a_convolution_with_a_stride():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, 3, 8, 8, generator=generator)
    weight = torch.randn(5, 3, 4, 4, generator=generator)

    ours = patches(x, 4) @ weight.flatten(1).T

    theirs = F.conv2d(x, weight, stride=4).flatten(2).mT
    torch.testing.assert_close(ours, theirs)


def test_places_tell_equal_patches_apart():
    net = build(SMALLEST, "cpu")
    x = torch.zeros(1, 3, 8, 8)
    x[..., :4, :4] = 1

    with torch.no_grad():
        assert not torch.allclose(net(x), net(x.flip(2, 3)))


def test_exported_code_runs_without_archfront(tmp_path):
    file = tmp_path / "net.py"
    file.write_text(
        vit.python_source(SMALLEST, shape=(1, 8, 8), num_classes=7, params={"patch": 2})
    )

    output = subprocess.run(
        [sys.executable, "-I", str(file)], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout

    net = build(SMALLEST, shape=(1, 8, 8), num_classes=7, patch=2)
    assert output.split() == ["(2,", "7)", str(sum(p.numel() for p in net.parameters()))]
