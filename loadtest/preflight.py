"""Before anything is sent: is the target there and the right one, may it be loaded, and can this generator do it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import psutil
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


@dataclass(frozen=True, kw_only=True)
class Generators:
    """The processes that send, and the cores that they have together: a process uses one at most."""

    processes: int
    cores: float


def preflight(
    host: str,
    *,
    plan: Plan,
    generators: Generators,
    health_path: str,
    token: str,
    lacking: Sequence[str],
    credentials: Sequence[Credential],
    production: Sequence[str],
    allowed: bool,
    scales: bool,
) -> list[str]:
    """Why the run must not start, all reasons at once; nothing if it may.

    `lacking` are the journeys that are left out for want of a token, `credentials` what the run is let in by, at the
    target and elsewhere; `scales` says that an autoscaler must follow. Of a production host that may not be loaded
    nothing is asked.
    """
    ends_early = outlived(credentials, seconds=planned_seconds(plan), now=time.time())
    name = hostname(host)
    problems = [*_too_fast(plan, generators), *ends_early, *_says_little(name, lacking)]
    if scales:
        problems += _reaches_one_pod(host)
    guilty = guilty_of_production(name, production)
    if guilty and not allowed:
        return [f"{guilty}; to load it all the same: --yes-load-production", *problems]
    unready = _not_ready(host.rstrip("/") + health_path) if health_path else []
    # One that does not answer cannot say anything about a token.
    return [*unready, *problems, *(_token_refused(host.rstrip("/"), token) if token and not unready else [])]


def hostname(host: str) -> str:
    """As names are compared: their case, and the dot at the end, mean nothing."""
    return (urlsplit(host).hostname or "").rstrip(".")


def is_loopback(name: str) -> bool:
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def guilty_of_production(name: str, patterns: Sequence[str]) -> str | None:
    """Why a host counts as production, or may be. Where nobody says what is, only loopback surely is not."""
    if not patterns:
        if is_loopback(name):
            return None
        return f"{name} may be production, for nothing says what is (--production-host PATTERN of what is, or none)"
    found = next((each for each in patterns if fnmatchcase(name, each.lower().rstrip("."))), None)
    return f"{name} is production (--production-host {found})" if found else None


def _too_fast(plan: Plan, generators: Generators) -> list[str]:
    highest = max((phase.offered_rps or 0.0 for phase in plan.phases), default=0.0)
    possible = int(RPS_PER_CORE * generators.cores)
    if highest <= possible:
        return []
    needed = -(-int(highest) // RPS_PER_CORE)
    return [
        f"{highest:,.0f} arrivals/s are planned, and {generators.processes} generators on {generators.cores:g} cores "
        f"send {possible:,} at most ({RPS_PER_CORE:,} a core): start {needed} on as many cores (--processes, or "
        "--worker on other machines), or lower --rate"
    ]


def generators(workers: Sequence[str] | None, *, here: float) -> Generators:
    """Of workers by their ids (None: there are none, the process itself sends). Those of this machine share its cores;
    each of the others is taken to have its own."""
    if workers is None:
        return Generators(processes=1, cores=min(1, here))
    local = sum(worker.rpartition("_")[0] == socket.gethostname() for worker in workers)
    return Generators(processes=len(workers), cores=min(local, here) + len(workers) - local)


def cores_here(groups: Path = Path("/sys/fs/cgroup")) -> float:
    """What this process may use: of a machine's cores, and of their time where a container has a quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, _quota(groups) or allowed)


def _quota(groups: Path) -> float | None:
    """In cores. Source: Linux, admin-guide/cgroup-v2, cpu.max; scheduler/sched-bwc for version 1."""
    try:
        if (groups / "cpu.max").exists():
            quota, period = (groups / "cpu.max").read_text().split()
        else:
            quota, period = ((groups / "cpu" / f"cpu.cfs_{each}_us").read_text() for each in ("quota", "period"))
        return int(quota) / int(period) if int(quota) > 0 else None
    except (OSError, ValueError):
        # There is no such limit, or it is "max".
        return None


def _says_little(name: str, lacking: Sequence[str]) -> list[str]:
    if not lacking or is_loopback(name):
        return []
    return [
        f"{TOKEN_VARIABLE} is not set, so {', '.join(lacking)} would be left out, and the rest says little of {name}: "
        "set it, or name the user classes that are to run at the end of the command line"
    ]


def _reaches_one_pod(host: str) -> list[str]:
    """A `kubectl port-forward` of this machine takes all requests to one pod: new ones would get no traffic."""
    url = urlsplit(host)
    if not is_loopback(hostname(host)):
        return []
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        # Other systems than Linux show them to root alone.
        return []
    for each in connections:
        # Its own address is never empty while it listens.
        if each.status == psutil.CONN_LISTEN and each.laddr[1:] == (port,) and each.pid and _forwards(each.pid):
            return [
                f"{url.netloc} is a kubectl port-forward, which takes every request to one pod however many there are: "
                "give the address at which people reach the portal (--host)"
            ]
    return []


def _forwards(pid: int) -> bool:
    try:
        return "port-forward" in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


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
