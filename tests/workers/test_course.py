"""Where a run is: what it keeps on the way does not end the training of its supernet."""

from search.events import Artifact
from search.spec import Spec
from tests.app import supernets
from workers.course import Course


def kept(steps, digest):
    return Artifact("checkpoint", "one", digest * 32, 9, {"steps": steps, "num_steps": 6})


def test_trials_come_when_the_supernet_is_trained_not_when_one_was_kept():
    course = Course(Spec.model_validate(supernets.spec()), 0, 0, None)

    course.follow(kept(3, "a"))
    on_the_way = (course.number, course.supernet)
    course.follow(kept(6, "b"))

    assert on_the_way == (None, None)
    assert (course.number, course.supernet) == (0, "b" * 32)
