"""Marks, orders, secrets and merged catalogues."""

import os

import pytest

from search.catalogue import Catalogue, Device, Plugin
from workers.catalogue import merged
from workers.mark import Mark, Place
from workers.orders import ASK, ORDER, OUTCOME, Ask, Ending, Order, Outcome, line
from workers.secrets import without_secrets


def test_parent_and_child_see_the_same_mark():
    parent, fd = Mark.made()
    child = Mark(fd)
    os.close(fd)

    child.move(17)

    assert parent.read() == Place(number=17, num_events=1)
    assert parent.read().has_begun


def test_a_mark_tells_of_a_training_before_all_trials():
    mark, fd = Mark.made()
    os.close(fd)

    mark.move(None, step=2**40)

    assert mark.read() == Place(number=None, num_events=1, step=2**40)


def test_what_is_said_through_a_pipe_comes_out_the_same():
    order = Order(3, "token", 0.5, 60.0, {7: "killed"})
    outcome = Outcome(Ending.FAILED, "two\nlines")

    assert ORDER.validate_json(line(order)) == order
    assert OUTCOME.validate_json(line(outcome)) == outcome
    assert ASK.validate_json(line(Ask.PAUSE)) is Ask.PAUSE
    assert line(outcome).count(b"\n") == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://ann:pw@host/db is away", "postgresql://***@host/db is away"),
        ("redis://:pw@host:6379/0", "redis://***@host:6379/0"),
        ("see https://example.org/a:b@c", "see https://example.org/a:b@c"),
        ("nothing here", "nothing here"),
    ],
)
def test_credentials_are_blotted_out(text: str, shown: str):
    assert without_secrets(text) == shown


def dataset(*, available: bool) -> Catalogue:
    return Catalogue(
        plugins=(Plugin(kind="dataset", name="cifar10", traits={"available": available}),)
    )


@pytest.mark.parametrize("order", [(True, False), (False, True)])
def test_a_data_set_that_one_worker_has_is_available(order: tuple[bool, bool]):
    both = merged([dataset(available=available) for available in order])

    found = both.plugin("dataset", "cifar10")
    assert found is not None
    assert found.traits["available"]


def test_equal_devices_are_shown_once():
    offer = Catalogue(devices=(Device(type="cpu", name="x"),))

    assert merged([offer, offer]).devices == offer.devices


def test_of_two_workers_with_a_plugin_the_later_word_counts():
    old = Catalogue(plugins=(Plugin(kind="proxy", name="snip", summary="old"),))
    new = Catalogue(plugins=(Plugin(kind="proxy", name="snip", summary="new"),))

    assert [plugin.summary for plugin in merged([old, new]).plugins] == ["new"]
