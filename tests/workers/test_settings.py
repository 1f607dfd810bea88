"""How long people wait, as workers are set and as they are told."""

from app import states
from db.jobs import JobState
from workers.settings import Settings


def test_a_cancel_takes_no_longer_than_the_page_says():
    settings = Settings()

    worst_s = settings.watch_s + settings.obey_s + settings.kill_s

    assert worst_s < 7
    assert "within 7 s" in states.JOB[JobState.CANCELLING].meaning
