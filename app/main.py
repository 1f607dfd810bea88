"""The dashboard: which pages there are, and the frame around them. Streamlit runs this file."""

from pathlib import Path

import streamlit as st

from app import pages


def main() -> None:
    """Show the page that the address names."""
    icon = str(Path(__file__).with_name("favicon.svg"))
    st.set_page_config(page_title="Archfront", page_icon=icon, layout="wide")
    chosen = st.navigation(pages.all_pages(), position="top")
    st.html(_STYLE)
    chosen.run()


# Numbers stand under each other, tables are dense, a summary stays in sight, YAML looks like code.
# In the dark the accent is light: white words on it could not be read. What depends on the theme
# follows it in the browser, for a theme that changes meanwhile is no reason to run the page again.
_STYLE = """<style>
[data-testid="stMetricValue"], .st-key-job_rows p, [data-testid="stMarkdown"] td {
  font-variant-numeric: tabular-nums;
}
[data-testid="stMarkdown"] th, [data-testid="stMarkdown"] td {
  padding: 0.3rem 0.6rem; font-size: 0.9rem;
}
[data-testid="stColumn"]:has(> div > .st-key-summary), .st-key-summary {
  position: sticky; top: 4.5rem;
}
.st-key-board_table td:not(:first-child) { white-space: nowrap; }
.st-key-board_table td:first-child { min-width: 15rem; }
.st-key-selected td:not(:first-child) { white-space: nowrap; }
.st-key-selected td:first-child { overflow-wrap: anywhere; }
.st-key-yaml textarea { font-family: "Source Code Pro", monospace; font-size: 0.9rem; }
[data-testid="stBaseButton-primary"]:not(:disabled) *,
[data-testid="stBaseButton-primaryFormSubmit"]:not(:disabled) *,
[data-testid="stMultiSelect"] span[title], [data-testid="stMultiSelect"] span[title] * {
  color: light-dark(#FFFFFF, #0B1118);
}
[data-testid="stHeadingDivider"] { background-color: light-dark(#D8DEE4, #36414D); }
</style>"""


if __name__ == "__main__":
    main()
