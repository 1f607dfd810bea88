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


# Numbers under each other, long names cut, and less air than Streamlit leaves between rows.
_STYLE = """<style>
[data-testid="stMetricValue"], [data-testid="stTable"], .st-key-job_rows p { font-variant-numeric: tabular-nums; }
.st-key-job_rows [data-testid="stHorizontalBlock"] { align-items: center; }
</style>"""


if __name__ == "__main__":
    main()
