"""The pages: their names, addresses and icons, and how to lead from one to another.

Every address is a permalink: what a page shows is in its query, defaults left out.
"""

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal
from urllib.parse import urlencode

import streamlit as st

Name = Literal["home", "new", "searches", "search", "arch", "workers", "data", "board"]


@dataclass(frozen=True)
class Entry:
    """A page as the navigation knows it."""

    title: str
    icon: str
    path: str
    is_listed: bool = True


ENTRIES: dict[Name, Entry] = {
    "home": Entry("Home", ":material/home:", ""),
    "new": Entry("New search", ":material/add:", "new"),
    "searches": Entry("Searches", ":material/list:", "searches"),
    "board": Entry("Board", ":material/leaderboard:", "board"),
    "workers": Entry("Workers", ":material/memory:", "workers"),
    "data": Entry("Data", ":material/database:", "data"),
    "search": Entry("Search", ":material/travel_explore:", "search", is_listed=False),
    "arch": Entry("Architecture", ":material/hub:", "arch", is_listed=False),
}


def page(name: Name) -> st.Page:
    """One page; its module is imported when it is first needed."""
    entry = ENTRIES[name]
    return st.Page(
        import_module(f"app.views.{name}").show,
        title=entry.title,
        icon=entry.icon,
        url_path=entry.path or None,
        default=not entry.path,
        visibility="visible" if entry.is_listed else "hidden",
    )


def all_pages() -> list[st.Page]:
    """Every page, in the order of the navigation."""
    return [page(name) for name in ENTRIES]


def address(name: Name, **query: object) -> str:
    """The path and query of a page."""
    path = f"/{ENTRIES[name].path}"
    text = urlencode(_texts(query), doseq=True)
    return f"{path}?{text}" if text else path


def link(name: Name, label: str, *, icon: str | None = None, **query: object) -> None:
    """Show a link to a page. *label* is Markdown: escape what somebody typed."""
    st.page_link(page(name), label=label, icon=icon, query_params=_texts(query))


def go(name: Name, **query: object) -> None:
    """Leave for a page; nothing after this call runs."""
    st.switch_page(page(name), query_params=_texts(query))


def _texts(query: dict[str, Any]) -> dict[str, str | list[str]]:
    return {
        key: [str(part) for part in value] if isinstance(value, list | tuple) else str(value)
        for key, value in query.items()
        if value is not None
    }
