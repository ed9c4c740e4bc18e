"""Errors that a caller can mend: each message says what was wrong, what was expected and what to do."""


class UnlearningError(ValueError):
    """Something given to the library does not fit; the message says how to mend it."""


class UnlearningDivergedError(UnlearningError):
    """A loss or a weight stopped being finite; the nets hold the last good state again."""
