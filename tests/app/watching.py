"""A person who leaves a page open: the browser asks for parts of it again and again."""

from functools import partial

import pytest
from streamlit.testing.v1 import AppTest, local_script_runner
from streamlit.testing.v1.local_script_runner import LocalScriptRunner, RerunData


class Watcher:
    """Notes which parts of a page ask to be drawn anew, and draws one alone when asked to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._asked: dict[str, float] = {}
        messages = LocalScriptRunner.forward_msgs

        def noted(runner):
            found = messages(runner)
            asked = [one.auto_rerun for one in found if one.HasField("auto_rerun")]
            self._asked = {one.fragment_id: one.interval for one in asked}
            return found

        monkeypatch.setattr(LocalScriptRunner, "forward_msgs", noted)

    @property
    def seconds(self) -> list[float]:
        """After how long each part is drawn anew, from the top of the page."""
        return list(self._asked.values())

    def wait(self, page: AppTest, place: int = -1) -> AppTest:
        """The time of one part is over: it alone is drawn, and is all that *page* then has."""
        part = list(self._asked)[place]
        with self._monkeypatch.context() as only:
            rerun = partial(RerunData, fragment_id_queue=[part])
            only.setattr(local_script_runner, "RerunData", rerun)
            return page.run()
