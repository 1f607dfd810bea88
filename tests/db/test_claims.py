"""Several at once: real processes and threads that fight for the same rows."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from db import jobs, trials
from db.errors import AlreadyRecorded, LeaseLost
from db.session import reading, transaction
from tests.db.making import batch, new_job

FIGHTERS = 6
FIGHT = """
import sys
from db import jobs, session
sys.stdin.readline()
for job_id in range(1, 9):
    with session.transaction() as opened:
        claim = jobs.claim(opened, job_id, worker_id=sys.argv[1], lease_s=60)
    if claim is not None:
        print(job_id)
"""


def together(task, num=FIGHTERS):
    """What each of several threads got that did the same at the same time."""
    barrier = threading.Barrier(num)

    def start(number):
        barrier.wait()
        return task(number)

    with ThreadPoolExecutor(num) as pool:
        return list(pool.map(start, range(num)))


def add(num=1):
    with transaction() as session:
        return [jobs.add_job(session, new_job()).id for _ in range(num)]


def test_of_processes_that_fight_for_jobs_exactly_one_gets_each(database_url):
    job_ids = add(8)
    fighters = [
        subprocess.Popen(
            [sys.executable, "-c", FIGHT, f"worker {number}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(4)
    ]

    taken = [fighter.communicate("go\n", timeout=60)[0].split() for fighter in fighters]

    assert sorted(int(job_id) for mine in taken for job_id in mine) == job_ids


def test_of_threads_that_fight_for_a_job_exactly_one_gets_it(database_url):
    (job_id,) = add()

    def take(number):
        with transaction() as session:
            return jobs.claim(session, job_id, worker_id=f"worker {number}", lease_s=60)

    assert sum(claim is not None for claim in together(take)) == 1


def test_sweeps_at_the_same_time_find_a_lost_job_once(database_url):
    (job_id,) = add()
    with transaction() as session:
        jobs.claim(session, job_id, worker_id="dead", lease_s=-1)

    def sweep(_):
        with transaction() as session:
            return jobs.sweep(session, unclaimed_after_s=60).lost

    assert sorted(together(sweep)) == [[]] * (FIGHTERS - 1) + [[job_id]]
    with reading() as session:
        assert [line.state for line in jobs.history(session, job_id)][-2:] == ["lost", "queued"]


def test_writes_and_sweeps_at_the_same_time_lose_and_double_nothing(database_url):
    (job_id,) = add()
    with transaction() as session:
        token = jobs.claim(session, job_id, worker_id="slow", lease_s=-1).token

    def write_or_sweep(number):
        with transaction() as session:
            if number % 2:
                return jobs.sweep(session, unclaimed_after_s=60).lost
            try:
                trials.record(session, job_id, token, batch([number]))
            except LeaseLost:
                return None
        return number

    written = [got for got in together(write_or_sweep)[::2] if got is not None]

    with reading() as session:
        assert trials.columns(session, job_id).numbers.tolist() == sorted(written)
        assert jobs.job(session, job_id).num_trials == len(written)


def test_counters_of_concurrent_batches_add_up(database_url):
    (job_id,) = add()
    with transaction() as session:
        token = jobs.claim(session, job_id, worker_id="w", lease_s=60).token

    def write(number):
        with transaction() as session:
            trials.record(session, job_id, token, batch(range(10 * number, 10 * number + 10)))

    together(write)

    with reading() as session:
        job = jobs.job(session, job_id)
        assert (job.num_trials, job.num_scores) == (10 * FIGHTERS, 20 * FIGHTERS)


def test_of_equal_batches_at_the_same_time_one_is_written(database_url):
    (job_id,) = add()
    with transaction() as session:
        token = jobs.claim(session, job_id, worker_id="w", lease_s=60).token

    def write(_):
        try:
            with transaction() as session:
                trials.record(session, job_id, token, batch(range(5)))
        except AlreadyRecorded:
            return "refused"
        return "written"

    assert sorted(together(write)) == ["refused"] * (FIGHTERS - 1) + ["written"]


def test_jobs_that_meet_the_same_archs_never_wait_in_a_circle(database_url):
    job_ids = add(FIGHTERS)

    def write(number):
        with transaction() as session:
            claim = jobs.claim(session, job_ids[number], worker_id="w", lease_s=60)
        order = range(200) if number % 2 else range(199, -1, -1)
        with transaction() as session:
            trials.record(session, job_ids[number], claim.token, batch(list(order)))
        return True

    assert all(together(write))


def test_jobs_that_name_a_new_project_at_the_same_time_share_it(database_url):
    def submit(_):
        with transaction() as session:
            return jobs.add_job(session, new_job(project="new")).project_id

    assert len(set(together(submit))) == 1
