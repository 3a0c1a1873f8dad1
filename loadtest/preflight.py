"""Before anything is sent: is the target there, and may it be loaded at all."""

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import urlsplit

from gevent import sleep
from geventhttpclient.useragent import UserAgent

READY_TRIES: Final = 3
TIMEOUT_SECONDS: Final = 5.0


def preflight(host: str, *, health_path: str, production: Sequence[str], allowed: bool) -> list[str]:
    """Why the run must not start; nothing if it may."""
    name = urlsplit(host).hostname
    if name is None:
        return [f"--host = {host!r} is no address; give one such as https://portal.staging.example.com"]
    guilty = next((pattern for pattern in production if fnmatchcase(name, pattern)), None)
    if guilty and not allowed:
        return [f"{name} is production (--production-host {guilty}); to load it all the same: --yes-load-production"]
    return _not_ready(host.rstrip("/") + health_path) if health_path else []


def _not_ready(url: str) -> list[str]:
    agent = UserAgent(max_retries=0, connection_timeout=TIMEOUT_SECONDS, network_timeout=TIMEOUT_SECONDS)
    seen = ""
    for attempt in range(READY_TRIES):
        if attempt:
            sleep(1)
        try:
            # Raises for a status that is no success.
            agent.urlopen(url)
        except Exception as error:
            # Whatever it is, it is told: no name, no connection, no certificate, another status.
            seen = f"{type(error).__name__}: {error}"
        else:
            return []
        finally:
            agent.close()
    return [f"the target never got ready: GET {url}: {seen} (--health-path names what must answer)"]
