import numpy as np
import pytest

from app import front
from app.charts import front_chart
from app.drawn import drawn
from tests.app.points import X, Y, columns_of


@pytest.mark.parametrize("values", [[], [0.0, 1.5, -2e38], [np.nan, np.inf, 1e-37], [1, 2]])
def test_usual_numbers_are_sent_in_four_bytes(values):
    assert drawn(values).dtype == np.float32
    assert np.array_equal(drawn(values), np.float32(values), equal_nan=True)


@pytest.mark.parametrize("values", [[1.0, 7e49], [1.0, -4e38], [1.0, 1e-40]])
def test_what_four_bytes_cannot_hold_is_sent_as_it_is(values):
    assert drawn(values).tolist() == values


def test_the_best_of_a_deep_network_is_drawn():
    columns = columns_of(np.array([[1.0, 1e30], [2.0, 7e49]]))

    found = front.front(columns, X, Y)
    figure = front_chart(front.picture(columns, found))

    points = next(trace for trace in figure.data if trace.name == "front (2)")
    assert points.y.tolist() == [1e30, 7e49]
    curve = front.hypervolume_curve(columns, (X, Y), (3.0, 1.0))
    assert curve.last == pytest.approx(7e49)
    assert front.best_so_far(columns, Y).best_J.tolist() == [1e30, 7e49]
