"""A process that ends when its parent does, however that ended."""

import ctypes
import os
import signal
import sys
import threading
import time

PR_SET_PDEATHSIG = 1
ORPHANED = 70  # exit status
_LOOK_S = 0.2


def end_with_parent(parent_pid: int) -> None:
    """Let the system end this process when its parent ends (Linux), and end now if it has.

    Where the system cannot do it, the end of a pipe to the parent must.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os._exit(ORPHANED)


def end_after(pipe: int, parent_pid: int) -> threading.Thread:
    """End this process once *pipe* has closed because the parent is gone.

    A parent that closes it and lives is stopping in good order: then this waits with it.
    """

    def watch() -> None:
        while os.read(pipe, 1):
            pass
        while os.getppid() == parent_pid:
            time.sleep(_LOOK_S)
        os._exit(ORPHANED)

    watcher = threading.Thread(target=watch, name="parent-watch", daemon=True)
    watcher.start()
    return watcher
