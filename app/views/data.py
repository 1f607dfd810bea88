"""TODO."""
import streamlit as st
def show() -> None:
    """The page."""
    st.write("data")
