"""What a run is let in by, and whether it lasts as long as the run does. Pure."""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Credential:
    """One whose end is known."""

    what: str
    """Begins a sentence; never the secret itself."""
    ends_at: float
    """Seconds since 1970."""
    way_out: str
    replaceable: bool = False
    """It lies in a file that is read again once it is refused: whoever wrote it may renew it in time."""


def expires_at(token: str) -> float | None:
    """When a JSON Web Token ends, in seconds since 1970; None of one without an end, and of any other token.

    Source: RFC 7519, section 4.1.4.
    """
    try:
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        return float(claims["exp"])
    except (LookupError, TypeError, ValueError):
        return None


def outlived(
    credentials: Iterable[Credential], *, seconds: float | None, now: float, replaceable: bool = False
) -> list[str]:
    """What a run of so many seconds (None: not known) outlives, a sentence each: of the replaceable or of the rest."""
    found = []
    for credential in credentials:
        left = credential.ends_at - now
        if credential.replaceable != replaceable or (left > 0 and (seconds is None or left >= seconds)):
            continue
        how = "whoever writes it must renew it in time" if replaceable else f"nobody renews it: {credential.way_out}"
        run = "" if seconds is None else f", the run takes {seconds:,.0f} s"
        when = f"expires in {left:,.0f} s{run}" if left > 0 else f"expired {-left:,.0f} s ago"
        found.append(f"{credential.what} {when}, and {how}")
    return found
