import numpy as np
import pytest
import torch

from search.supernets.examples import HeldExamples, ImportanceData, Shuffled
from search.supernets.schedules import no_smoothing


def generator():
    return np.random.default_rng(0)


def test_probabilities_follow_the_toy_case():
    data = ImportanceData(4, generator(), lambda _e, _n: 0.5)
    probabilities = torch.tensor([[0.7, 0.3], [0.5, 0.5], [0.9, 0.1]])
    report = type("Report", (), {})()
    report.passes = [type("Pass", (), {"logits_BK": probabilities.log()})()]
    report.y_B, report.places = torch.tensor([0, 1, 1]), np.arange(3)

    data.observe(report)
    assert data.scores == pytest.approx([0.4242641, 0.7071068, 1.2727922, 0])
    data.end_epoch(1, 2)

    assert data.probabilities == pytest.approx([0.2132353, 0.2720588, 0.3897059, 0.125])
    assert data.effective_size == pytest.approx(1 / sum(p**2 for p in data.probabilities))
    assert data.log()["effective_share"] == pytest.approx(data.effective_size / 4)
    assert data.log()["probability_quantiles"]["most"] == pytest.approx(4 * 0.3897059)
    assert data.log()["probability_quantiles"]["least"] == pytest.approx(4 * 0.125)


def test_uniform_draws_are_of_all_examples_alike():
    log = ImportanceData(7, generator()).log()

    assert log["effective_share"] == pytest.approx(1)
    assert set(log["probability_quantiles"].values()) == {1.0}


def test_an_image_seen_again_keeps_the_mean_of_before_and_now():
    data = ImportanceData(2, generator())

    data.note(np.array([0, 0, 1]), [1.0, 3.0, 5.0])

    assert data.scores.tolist() == [2.0, 5.0]


def test_the_first_order_has_every_example_once():
    assert sorted(ImportanceData(50, generator()).order()) == list(range(50))


def test_later_orders_are_drawn_with_replacement_by_the_scores():
    data = ImportanceData(4, generator(), lambda _e, _n: 1.0)
    data.note(np.arange(4), [1.0, 0.0, 0.0, 3.0])
    data.end_epoch(1, 2)

    order = np.concatenate([data.order() for _ in range(500)])

    assert set(order) == {0, 3}
    assert np.mean(order == 3) == pytest.approx(0.75, abs=0.03)


def test_without_smoothing_orders_are_those_of_the_baseline():
    weighed, plain = ImportanceData(20, generator(), no_smoothing), Shuffled(20, generator())

    for epoch in range(3):
        np.testing.assert_array_equal(weighed.order(), plain.order())
        weighed.note(np.arange(20), [1.0] * 20)
        weighed.end_epoch(epoch, 3)


@pytest.mark.parametrize(("reweights", "mean", "variance"), [(True, 2.0, 0.0), (False, 2.5, 0.75)])
def test_drawing_by_the_gradient_has_no_variance_when_reweighted(reweights, mean, variance):
    # gradients 1 and 3: uniform draws have mean 2 and variance 1
    data = ImportanceData(2, generator(), lambda _e, _n: 1.0, reweights=reweights)
    data.note(np.arange(2), [1.0, 3.0])
    data.end_epoch(1, 2)
    weights = data.weights(np.arange(2))

    estimates = np.array([1.0, 3.0]) * (1 if weights is None else weights)

    assert data.probabilities @ estimates == pytest.approx(mean)
    assert data.probabilities @ (estimates - mean) ** 2 == pytest.approx(variance, abs=1e-9)


def test_state_leads_to_the_same_order():
    first, second = ImportanceData(9, generator()), ImportanceData(9, np.random.default_rng(7))
    first.note(np.arange(9), list(map(float, range(9))))
    first.end_epoch(1, 2)

    second.load_state_dict(first.state_dict())

    np.testing.assert_array_equal(first.order(), second.order())


def test_held_examples_are_given_as_they_are():
    x, y = torch.arange(12.0).view(3, 1, 2, 2), torch.tensor([5, 6, 7])

    images, labels = HeldExamples(x, y).batch(np.array([2, 0]), generator())

    torch.testing.assert_close(images, x[[2, 0]])
    assert labels.tolist() == [7, 5]
