"""What a person did wrong, or lacks: one message, exit code 2, never a traceback."""


class PortalError(Exception):
    """A problem that the reader of the message can mend.

    The message names the place, the value, the rule and the way out; entry points print it to standard error and exit
    with `EXIT_CODE`.
    """

    EXIT_CODE = 2
