"""Say what can be run here, as JSON: ``python -m workers.offering <pid of the worker>``."""

import os
import sys

from db.session import data_dir, plugin_dir
from search.offer import offer
from workers.orphans import end_with_parent


def main() -> None:
    """Print the catalogue of this machine; what plug-ins print goes to the log."""
    end_with_parent(int(sys.argv[1]))
    answers = os.dup(1)
    os.dup2(2, 1)
    offered = offer(data_dir(), plugin_dir())
    with open(answers, "w") as file:
        file.write(offered.model_dump_json())


if __name__ == "__main__":
    main()
