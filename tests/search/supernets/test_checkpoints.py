"""States of other trainings are refused."""

import pytest
import torch

from search.errors import DataError
from search.supernets.checkpoints import STATE_VERSION
from tests.search.supernets.test_training import assert_equal, finished, of, training, weights


def change(state, key, value):
    return {**state, key: value}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda s: change(s, "version", 99), f"of version 99, not {STATE_VERSION}"),
        (lambda s: change(s, "space", "mobile"), "of space mobile, not cell_27"),
        (lambda s: change(s, "num_examples", 3), "on 3 examples, not 22"),
        (
            lambda s: change(s, "net", {**s["net"], "source.stem/1.bias": torch.zeros(2)}),
            "stem/1.bias is 2 there and 12 here",
        ),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused_and_changes_nothing(spoil, message):
    made = training(of("spos"))
    before, state = weights(made), spoil(finished(of("spos")).state_dict())

    with pytest.raises(DataError, match=message):
        made.load_state_dict(state)

    assert_equal(weights(made), before)
    assert made.steps_done == 0
