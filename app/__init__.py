"""The dashboard: Streamlit pages, HTTP API and command line."""
