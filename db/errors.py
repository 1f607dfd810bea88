"""What can go wrong in the record, by who can mend it.

RecordError
    NotFound            there is nothing of that number or name
    WrongState          the job is in a state that does not allow this
    NameTaken           something of this name exists already
    TooLarge            more than the record takes in one piece
    InUse               something unfinished still needs it
    Damaged             a file is not what it was when it was recorded
    LeaseLost           the worker no longer holds the job: it must stop writing
    AlreadyRecorded     trials of these numbers are recorded already
    StorageUnusable     the data folder or the database cannot be used as it is
        StorageFull     no space is left where the database lives
        StorageBusy     other writers kept the database for too long
        SchemaMismatch  the database is of another version of Archfront
"""


class RecordError(Exception):
    """The root of what the record raises on purpose; the message is for people."""


class NotFound(RecordError, LookupError):
    """There is nothing of that number or name."""


class WrongState(RecordError, ValueError):
    """The job is in a state that does not allow this."""


class NameTaken(RecordError, ValueError):
    """Something of this name exists already."""


class TooLarge(RecordError, ValueError):
    """More than the record takes in one piece."""


class InUse(RecordError, ValueError):
    """Something unfinished still needs it."""


class Damaged(RecordError):
    """A file is not what it was when it was recorded."""


class LeaseLost(RecordError):
    """The worker no longer holds the job: it must stop, and has written nothing."""


class AlreadyRecorded(RecordError):
    """Trials of these numbers are recorded already; nothing was written."""


class StorageUnusable(RecordError):
    """The data folder or the database cannot be used as it is."""


class StorageFull(StorageUnusable):
    """No space is left where the database lives; nothing of this step was written."""


class StorageBusy(StorageUnusable):
    """Other writers kept the database for too long; nothing of this step was written."""


class SchemaMismatch(StorageUnusable):
    """The database is of another version of Archfront."""
