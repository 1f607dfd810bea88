"""Losses against values and gradients computed by hand."""

import math

import pytest
import torch

from search.supernets.losses import (
    AdaptiveAlpha,
    HardLabel,
    InplaceDistillation,
    alpha_divergence,
    soft_cross_entropy,
    soft_cross_entropy_at,
)

ROWS = [  # teacher, student, clip; D(-1) and D(+1); gradient by the student's logits
    (
        ([0.7, 0.2, 0.1], [0.5, 0.3, 0.2], 5),
        (0.1035714, 0.0851228),
        [-0.2464286, 0.0878571, 0.1585714],
    ),
    (
        ([0.98, 0.01, 0.01], [0.5, 0.4, 0.1], 5),
        (0.8775510, 0.5995709),
        [-1.1224490, 0.8979592, 0.2244898],
    ),
    (
        ([0.98, 0.01, 0.01], [0.5, 0.4, 0.1], None),
        (8.1275510, 0.5995709),
        [-8.3724490, 9.0979592, -0.7255102],
    ),
    (([0.5, 0.4, 0.1], [0.98, 0.01, 0.01], 5), (0.4610250, 1.3693380), [0.48, -0.39, -0.09]),
    (([0.5, 0.5], [0.8, 0.2], 5), (0.18, 0.2231436), [0.3, -0.3]),
    (([0.8, 0.2], [0.5, 0.5], 5), (0.28125, 0.1927448), [-0.46875, 0.46875]),
]


def logits(probabilities):
    return torch.tensor([probabilities], dtype=torch.float64).log()


def gradient(loss, p, q):
    student = logits(q).requires_grad_()
    loss(student, logits(p)).sum().backward()
    return student.grad[0].tolist()


@pytest.mark.parametrize(("given", "divergences", "expected"), ROWS)
def test_adaptive_alpha_has_its_values_and_gradients(given, divergences, expected):
    p, q, clip = given
    values = [float(alpha_divergence(logits(q), logits(p), a, clip)[0]) for a in (-1, 1)]

    assert tuple(values) == pytest.approx(divergences, abs=1e-6)
    assert gradient(AdaptiveAlpha(clip=clip), p, q) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("given", "divergences", "_expected"), ROWS)
def test_adaptive_alpha_tells_both_divergences_and_the_branch(given, divergences, _expected):
    p, q, clip = given
    loss = AdaptiveAlpha(clip=clip)
    loss(logits(q), logits(p))

    told = {name: float(values_B) for name, values_B in loss.told.items()}
    assert told["divergence alpha_minus"] == pytest.approx(divergences[0], abs=1e-6)
    assert told["divergence alpha_plus"] == pytest.approx(divergences[1], abs=1e-6)
    assert told["branch alpha_minus"] == (divergences[0] > divergences[1])


@pytest.mark.parametrize(
    ("orders", "share"),
    [
        ((-1.0, 1.0), 2 / 3),  # 1 / r is .51, 40 and 10
        ((1.0, 1.0), 0.0),  # never cut off
        ((0.0, 0.0), 0.0),  # r is 1.96, .025 and .1
        ((2.0, 2.0), 0.0),
        ((-3.0, -3.0), 2 / 3),
    ],
)
def test_entries_that_are_cut_off_are_counted_in_the_branch_that_is_taken(orders, share):
    loss = AdaptiveAlpha(*orders, clip=5)
    loss(logits([0.5, 0.4, 0.1]), logits([0.98, 0.01, 0.01]))

    assert float(loss.told["clipped entries"]) == pytest.approx(share)


def test_subnets_tell_how_far_they_are_from_the_largest():
    loss, memo, y_B = InplaceDistillation(HardLabel()), {}, torch.tensor([0])
    loss("max", logits([0.7, 0.2, 0.1]), y_B, memo)
    assert loss.told == {}

    loss("mid", logits([0.5, 0.3, 0.2]), y_B, memo)

    assert float(loss.told["divergence mid"]) == pytest.approx(0.0851228, abs=1e-6)


def test_order_one_is_distillation():
    forced = AdaptiveAlpha(alpha_minus=1.0)
    p, q = [0.7, 0.2, 0.1], [0.5, 0.3, 0.2]

    assert gradient(forced, p, q) == pytest.approx([-0.2, 0.1, 0.1])
    assert gradient(soft_cross_entropy, p, q) == pytest.approx([-0.2, 0.1, 0.1])


def test_order_one_half_has_the_gradient_of_finite_differences():
    half = AdaptiveAlpha(alpha_minus=0.5, alpha_plus=0.5, clip=None)

    found = gradient(half, [0.7, 0.2, 0.1], [0.5, 0.3, 0.2])

    assert found == pytest.approx([-0.2052376, 0.0968890, 0.1083486], abs=1e-6)


@pytest.mark.parametrize("alpha", [-1.0, -0.3, 0.0, 0.4, 1.0, 2.0])
def test_the_surrogate_has_the_gradient_of_the_divergence(alpha):
    p, q = [0.7, 0.2, 0.1], [0.5, 0.3, 0.2]
    step, numeric = 1e-6, []
    for k in range(3):
        shifts = torch.zeros(2, 3, dtype=torch.float64)
        shifts[:, k] = torch.tensor([step, -step])
        values = alpha_divergence(logits(q) + shifts, logits(p).repeat(2, 1), alpha)[0]
        numeric.append(float(values[0] - values[1]) / (2 * step))

    found = gradient(AdaptiveAlpha(alpha, alpha, None), p, q)

    assert found == pytest.approx(numeric, abs=1e-7)
    assert sum(found) == pytest.approx(0, abs=1e-12)


def test_orders_near_the_limits_tend_to_them():
    p, q = logits([0.7, 0.2, 0.1]), logits([0.5, 0.3, 0.2])

    for limit in (0.0, 1.0):
        near, at = (float(alpha_divergence(q, p, a)[0]) for a in (limit + 1e-5, limit))
        assert near == pytest.approx(at, abs=1e-5)


@pytest.mark.parametrize("alpha_minus", [-1.0, 0.0])
def test_a_student_that_is_sure_of_another_class_is_pulled_to_the_teacher(alpha_minus):
    student = torch.tensor([[120.0, 0.0]], requires_grad=True)

    AdaptiveAlpha(alpha_minus)(student, torch.tensor([[0.0, 120.0]])).sum().backward()

    assert student.grad.tolist() == [[1.0, -1.0]]


def test_smallest_alpha_may_be_zero():
    assert AdaptiveAlpha(alpha_minus=0).alpha_minus == 0


def test_the_largest_learns_from_labels_and_the_others_from_the_largest():
    loss, memo = InplaceDistillation(HardLabel()), {}
    big, little = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 0.0]])

    hard = loss("max", big, torch.tensor([1]), memo)
    soft = loss("min", little, torch.tensor([1]), memo)

    assert float(hard) == pytest.approx(math.log(1 + math.exp(2)))
    assert float(soft) == pytest.approx(math.log(2))
    assert not memo["teacher"].requires_grad


def test_label_smoothing_spreads_a_share_over_all_classes():
    probabilities = torch.tensor([[0.5, 0.3, 0.2]])

    loss = HardLabel(0.3)("solo", probabilities.log(), torch.tensor([0]), {})

    assert float(loss) == pytest.approx(
        -0.8 * math.log(0.5) - 0.1 * math.log(0.3) - 0.1 * math.log(0.2)
    )


def test_softened_distillation_has_the_squared_temperature():
    student, teacher = torch.tensor([[1.0, 3.0]]), torch.tensor([[0.0, 2.0]])

    softened = soft_cross_entropy_at(2.0)(student, teacher)

    torch.testing.assert_close(softened, 4 * soft_cross_entropy(student / 2, teacher / 2))
