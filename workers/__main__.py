"""``python -m workers``: start a worker."""

from workers.worker import main

if __name__ == "__main__":
    main()
