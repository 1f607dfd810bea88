"""What a person reads when something goes wrong: a sentence, what to do, and an id to copy."""

import logging
import uuid

import streamlit as st
from sqlalchemy.exc import SQLAlchemyError

from app import wording
from db.errors import RecordError, SchemaMismatch, StorageBusy, StorageFull
from search.errors import SearchError, SpecError

log = logging.getLogger(__name__)


def show(error: Exception) -> bool:
    """Tell of an error that nobody else caught; True says that it has been shown.

    Streamlit calls this inside the run of the page that failed.
    """
    number = uuid.uuid4().hex[:10]
    log.error("error %s on a page", number, exc_info=error)
    sentence, what_to_do = explained(error)
    st.error(f"{wording.plain(sentence)}\n\n{what_to_do}", icon=":material/error:")
    st.caption("To report this, copy the id: the server's log has the rest under it.")
    st.code(number, language=None)
    return True


def explained(error: Exception) -> tuple[str, str]:
    """What went wrong, and what to do about it."""
    again = "Reload the page to try again."
    if isinstance(error, SpecError):
        return str(error), "Mend the fields that are named."
    if isinstance(error, SchemaMismatch | StorageFull):
        return _sentence(error), "Nothing was changed."
    if isinstance(error, StorageBusy):
        return _sentence(error), again
    if isinstance(error, RecordError | SearchError):
        return _sentence(error), again
    if isinstance(error, SQLAlchemyError):
        return (
            "The database did not answer.",
            "Check that it runs and that DATABASE_URL is right, then reload the page.",
        )
    return "This page could not be shown because of a mistake in Archfront.", again


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
