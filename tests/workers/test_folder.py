import shutil
from pathlib import Path

import pytest

from workers.queue import celery_app, message_queue, send


@pytest.fixture
def messages(data_dir: Path) -> Path:
    return data_dir / "broker" / "messages"


@pytest.fixture
def channel(messages: Path):
    with celery_app().connection_for_read() as connection:
        yield connection.default_channel


def received(channel) -> list[int]:
    found = []
    while (message := channel.basic_get(message_queue("cpu"), no_ack=True)) is not None:
        args, _, _ = message.decode()
        found += args
    return found


def test_messages_come_out_in_the_order_they_were_sent(channel):
    for job_id in (3, 1, 2):
        assert send(job_id, "cpu")

    assert received(channel) == [3, 1, 2]


def test_a_queue_gives_only_its_own_messages(channel):
    send(1, "gpu")
    send(2, "cpu")

    assert received(channel) == [2]


def test_nothing_is_left_of_a_message_that_was_taken(channel, messages: Path):
    send(1, "cpu")

    received(channel)

    assert [path for path in messages.parent.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[]", b"7", b'{"properties": {}}', b'{"body": "x"}']
)
def test_a_message_that_cannot_be_read_is_dropped(channel, messages: Path, content: bytes):
    (messages / f"0.{message_queue('cpu')}.msg").write_bytes(content)
    send(1, "cpu")

    assert received(channel) == [1]


def test_a_vanished_folder_is_made_again(channel, messages: Path):
    send(1, "cpu")
    shutil.rmtree(messages.parent)

    assert received(channel) == []
    assert send(2, "cpu")
    assert received(channel) == [2]


def test_a_half_written_message_is_not_taken(channel, messages: Path):
    (messages / f"0.{message_queue('cpu')}.part").write_text("{")

    assert received(channel) == []


def test_waiting_messages_are_counted_and_purged(channel):
    send(1, "cpu")
    send(2, "cpu")

    assert channel.queue_declare(message_queue("cpu")).message_count == 2
    assert channel.queue_purge(message_queue("cpu")) == 2
    assert received(channel) == []
