"""Environment variables that are no options: a secret, and what the starter of a target says of it."""

from typing import Final

TOKEN_VARIABLE: Final = "PORTAL_TOKEN"
"""A static token of the backend; no option, since command lines and reports can be read."""
STAND_INS_VARIABLE: Final = "PORTAL_STAND_INS"
"""By which whoever starts a target says what of it is not the real thing, one a line."""
