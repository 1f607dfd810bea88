import pytest
from sqlalchemy.exc import OperationalError

from db.errors import LeaseLost, StorageFull
from workers import patience
from workers.patience import StillAway, persist


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_PAUSE_S", 0.001)


def away() -> OperationalError:
    return OperationalError("SELECT 1", {}, Exception("server closed the connection"))


def failing(*errors: Exception):
    left = list(errors)

    def action(num_tried: int) -> int:
        if left:
            raise left.pop(0)
        return num_tried

    return action


def test_what_works_is_done_once():
    assert persist(failing(), give_up_s=1) == 0


def test_a_database_that_comes_back_is_waited_for():
    assert persist(failing(away(), StorageFull("full"), away()), give_up_s=5) == 3


def test_a_lost_lease_is_not_tried_again():
    with pytest.raises(LeaseLost):
        persist(failing(LeaseLost("gone")), give_up_s=5)


def test_it_gives_up_with_the_last_error():
    with pytest.raises(StillAway, match="full"):
        persist(failing(*[StorageFull("full")] * 100), give_up_s=0.02)
