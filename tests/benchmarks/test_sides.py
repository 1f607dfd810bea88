"""The two sides of a comparison run apart."""

import os

from benchmarks._sides import sides

THREADS = "OMP_NUM_THREADS", "OMP_WAIT_POLICY"
MEMORY = "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"


def reader():
    return lambda names: (os.getpid(), [os.environ.get(name) for name in names])


def test_each_side_answers_from_a_process_of_its_own():
    with sides(reader, reader) as (ask_us, ask_them):
        pids = {ask_us(())[0], ask_them(())[0], os.getpid()}

    assert len(pids) == 3


def test_ours_keeps_memory_as_a_job_does_and_theirs_does_not(monkeypatch):
    for name in MEMORY:
        monkeypatch.delenv(name, raising=False)

    with sides(reader, reader) as (ask_us, ask_them):
        ours, theirs = ask_us(MEMORY)[1], ask_them(MEMORY)[1]

    assert None not in ours
    assert theirs == [None, None]


def test_the_environment_is_as_before_afterwards():
    before = dict(os.environ)

    with sides(reader, reader) as (ask_us, _):
        ask_us(THREADS)

    assert dict(os.environ) == before
