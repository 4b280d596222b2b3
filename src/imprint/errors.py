"""The one exception whose message is meant for the user, and what failed where it is the system's."""

import errno


class UserError(Exception):
    """A mistake in the user's input: the message names the file or key, what is wrong and what would be right.

    Shown without a traceback by the command line and by the workflow's jobs.
    """


NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}  # of an OSError: a disk or quota is full
NO_RIGHT = {errno.EROFS, errno.EACCES, errno.EPERM}
