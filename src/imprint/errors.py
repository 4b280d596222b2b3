"""Exceptions and findings with messages for the user, and groups of OSError codes."""

import errno
from typing import NamedTuple


class UserError(Exception):
    """A mistake in the user's input: the message names the file or key, the mistake and the valid choices.

    The command line and the workflow's jobs show it without a traceback.
    """


class WrongSource(UserError):
    """A source that is probably a mistake for another one.

    Attributes
    ----------
    source, instead : str
        The source that was given, and the one to give instead.
    """

    def __init__(self, message: str, source: object, instead: object) -> None:
        super().__init__(message)
        self.source, self.instead = str(source), str(instead)


class NoSplits(UserError):
    """A source of images that is not divided into splits, though one of them was asked for."""


GOOD, WARNING, BAD = "ok", "note", "PROBLEM"  # levels of a finding


class Finding(NamedTuple):
    """One line of the report of `imprint doctor`: `level` is GOOD, WARNING or BAD."""

    level: str
    subject: str
    text: str


# codes of an OSError: disk or quota full, no permission
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NO_RIGHT = {errno.EROFS, errno.EACCES, errno.EPERM}
