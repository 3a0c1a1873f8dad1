"""Before anything is sent: is the target there and the right one, may it be loaded, and can this generator do it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from gevent import sleep
from geventhttpclient.useragent import BadStatusCode, UserAgent

from loadtest.autoscaling.feasible import FEASIBILITY, Feasibility
from loadtest.credentials import Credential, expires_at, outlived
from loadtest.run import Plan
from loadtest.variables import TOKEN_VARIABLE

READY_TRIES: Final = 3
TIMEOUT_SECONDS: Final = 5.0
HEALTH_PATH: Final = "/api/health"
"""The portal's own, whose answer is known; of another path only the status is."""
TOKEN_PATH: Final = "/api/catalog/entities/by-query?limit=1"
RPS_PER_CORE: Final = 3000
"""What one process, which has one core, can send; see docs/loadtest.md."""

SURVEY_SECONDS: Final = 60.0
"""For all that is asked of an API server, each answer of which may take five."""


class Unfit(Exception):
    """An answer that is not what it must be; its text says how."""


def preflight(
    host: str,
    *,
    plan: Plan,
    generators: int,
    health_path: str,
    token: str,
    credentials: Sequence[Credential],
    production: Sequence[str],
    allowed: bool,
) -> list[str]:
    """Why the run must not start, all reasons at once; nothing if it may.

    `generators` are the processes that send, `credentials` what the run is let in by, at the target and elsewhere; of a
    production host that may not be loaded nothing is asked.
    """
    ends_early = outlived(credentials, seconds=planned_seconds(plan), now=time.time())
    problems = [*_too_fast(plan, generators), *ends_early]
    name = urlsplit(host).hostname
    if name is None:
        return [f"--host = {host!r} is no address; give one such as https://portal.staging.example.com", *problems]
    guilty = next((pattern for pattern in production if fnmatchcase(name, pattern)), None)
    if guilty and not allowed:
        text = f"{name} is production (--production-host {guilty}); to load it all the same: --yes-load-production"
        return [text, *problems]
    unready = _not_ready(host.rstrip("/") + health_path) if health_path else []
    # One that does not answer cannot say anything about a token.
    return [*unready, *problems, *(_token_refused(host.rstrip("/"), token) if token and not unready else [])]


def _too_fast(plan: Plan, generators: int) -> list[str]:
    highest = max((phase.offered_rps or 0.0 for phase in plan.phases), default=0.0)
    possible = RPS_PER_CORE * generators
    if highest <= possible:
        return []
    needed = -(-int(highest) // RPS_PER_CORE)
    return [
        f"{highest:,.0f} arrivals/s are planned, and {generators} generators send {possible:,} at most "
        f"({RPS_PER_CORE:,} a core): start {needed} (--processes, or --worker on other machines), or lower --rate"
    ]


def planned_seconds(plan: Plan) -> float | None:
    """How long it takes at most, as far as is known; of a calibration alone, where its steps are still to come."""
    return plan.search.seconds if plan.search else plan.end_seconds


def of_token(token: str) -> tuple[Credential, ...]:
    """The portal's, where its end is known. A guest's is renewed; a static one cannot be."""
    ends = expires_at(token)
    if ends is None:
        return ()
    return (Credential(what=TOKEN_VARIABLE, ends_at=ends, way_out="give one that lives longer, or shorten the run"),)


def of_autoscaler(file: Path) -> Feasibility:
    """What stands against the plan of an autoscaler's file, as seen by who will sample it.

    Asked in a process of its own: the Kubernetes client loads urllib3, which must not come before gevent.
    """
    command = [sys.executable, "-m", "loadtest.autoscaling.survey", str(file)]
    root = str(Path(__file__).resolve().parent.parent)
    try:
        asked = subprocess.run(
            command,
            env=os.environ | {"PYTHONPATH": root},
            capture_output=True,
            text=True,
            timeout=SURVEY_SECONDS,
            check=True,
        )
        return FEASIBILITY.validate_json(asked.stdout)
    except subprocess.TimeoutExpired:
        why = f"it took over {SURVEY_SECONDS:.0f} s; look at the API server"
    except subprocess.CalledProcessError as error:
        why = " ".join(error.stderr.strip().splitlines()[-1:]) or f"it ended with {error.returncode}"
    return Feasibility(refusals=(f"the cluster could not be looked at: {why}",), notes=())


def _not_ready(url: str) -> list[str]:
    seen = ""
    for attempt in range(READY_TRIES):
        if attempt:
            sleep(1)
        try:
            body = _asked(url)
            if urlsplit(url).path == HEALTH_PATH:
                _is_the_portal(body)
        except Unfit as unfit:
            return [f"the target is not the portal: GET {url}: {unfit} (--host, or --health-path)"]
        except Exception as error:
            # Whatever it is, it is told: no name, no connection, no certificate, another status.
            seen = f"{type(error).__name__}: {error}"
        else:
            return []
    return [f"the target never got ready: GET {url}: {seen} (--health-path names what must answer)"]


def _is_the_portal(body: bytes) -> None:
    try:
        told = json.loads(body)
    except ValueError:
        raise Unfit(f"no JSON but {body[:40]!r}") from None
    if not isinstance(told, dict) or not isinstance(told.get("status"), str):
        raise Unfit(f"no health with a status but {body[:40]!r}")


def _token_refused(host: str, token: str) -> list[str]:
    url = host + TOKEN_PATH
    try:
        _asked(url, {"Authorization": f"Bearer {token}"})
    except BadStatusCode as error:
        if error.code in (401, 403):
            return [f"PORTAL_TOKEN is refused: GET {url}: {error.code}; give a static token of this backend"]
    except Exception as error:
        return [f"PORTAL_TOKEN could not be tried: GET {url}: {type(error).__name__}: {error}"]
    # Another status is no word about the token; the journeys will say more.
    return []


def _asked(url: str, headers: Mapping[str, str] | None = None) -> bytes:
    """Raises for a status that is no success."""
    agent = UserAgent(max_retries=0, connection_timeout=TIMEOUT_SECONDS, network_timeout=TIMEOUT_SECONDS)
    try:
        return bytes(agent.urlopen(url, headers=dict(headers or {})).read())
    finally:
        agent.close()
