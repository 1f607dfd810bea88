"""The commands of ``archfront``, one file a theme; ``app/cli.py`` puts them together."""
