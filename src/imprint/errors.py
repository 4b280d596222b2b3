"""The one exception whose message is meant for the user."""


class UserError(Exception):
    """A mistake in the user's input: the message names the file or key, what is wrong and what would be right.

    Shown without a traceback by the command line and by the workflow's jobs.
    """
