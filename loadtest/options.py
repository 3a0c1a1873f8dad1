"""What the command line, the environment and config files ask for, in our terms."""

import logging
import os
import time
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from loadtest.autoscaling import session
from loadtest.autoscaling.calibrate import Calibrated
from loadtest.autoscaling.feasible import Feasibility
from loadtest.breakpoint import steady
from loadtest.compare import NotComparable, planned_otherwise
from loadtest.compare import read as read_report
from loadtest.credentials import Credential, outlived
from loadtest.data_file import BrokenFile
from loadtest.preflight import Generators, of_autoscaler, of_token, planned_seconds, preflight
from loadtest.report.document import Document
from loadtest.run import Plan, Target
from loadtest.shapes.profiles import PROFILES, Arrival, calibrating, custom, named, searching, stepped
from loadtest.slo.spec import Objectives, load
from loadtest.variables import STAND_INS_VARIABLE, TOKEN_VARIABLE

log = logging.getLogger(__name__)


class BadOptions(ValueError):
    """Of a run that is to start; the message names option, value and rule."""


AUTOSCALE: Final = "autoscale"
ABOUT: Final = {name: profile.about for name, profile in PROFILES.items()} | {
    "breakpoint": "searches the highest rate that meets the objectives",
    AUTOSCALE: "steps that an autoscaler must follow (--autoscaling)",
}
LEAST_SEARCH_SECONDS: Final = 60
MEASURE: Final = "measure"
DEFAULT_SLO = Path(__file__).with_name("slo.yaml")


def add_arguments(parser: Any) -> None:
    """Locust's `init_command_line_parser`. A bad value ends with Locust's usage message and 2."""
    # Locust has a --profile of its own, a free name under which runs are grouped; ours are such names.
    own = next(action for action in parser._actions if action.dest == "profile")
    own.choices = sorted(ABOUT)
    own.help = "What load to offer: " + "; ".join(f"{name}: {about}" for name, about in sorted(ABOUT.items()))
    group = parser.add_argument_group("Portal load test", "Objectives, profiles and verdicts; see docs/loadtest.md")
    group.add_argument(
        "--slo", type=_objectives, env_var="LOADTEST_SLO", help="YAML file of objectives (default: loadtest/slo.yaml)"
    )
    group.add_argument(
        "--baseline",
        type=_baseline,
        env_var="LOADTEST_BASELINE",
        metavar="REPORT_JSON",
        help="report.json of an earlier run of the same shape against the same target; slower than that ends with 1",
    )
    group.add_argument(
        "--autoscaling",
        type=_autoscaling,
        env_var="LOADTEST_AUTOSCALING",
        help="YAML file of an autoscaler and the steps of load that it must follow; takes the place of a profile",
    )
    group.add_argument(
        "--calibration",
        type=_calibration,
        env_var="LOADTEST_CALIBRATION",
        metavar="measure|REPORT_JSON",
        help="Work the steps of --autoscaling out from what an arrival costs its pods: measured first, at --rate, or "
        "as an earlier run measured it",
    )
    group.add_argument(
        "--arrivals",
        choices=("poisson", "constant", "closed"),
        default="poisson",
        env_var="LOADTEST_ARRIVALS",
        help="How visitors of a profile arrive; closed: a fixed number of --users (default: poisson)",
    )
    group.add_argument(
        "--rate",
        type=_positive,
        env_var="LOADTEST_RATE",
        help="Highest arrivals a second, of all journeys; with the profile breakpoint, what must be found at least; "
        "with --calibration measure, what is measured at (default there: 5)",
    )
    group.add_argument("--seed", type=int, default=0, env_var="LOADTEST_SEED", help="Of the arrivals (default: 0)")
    group.add_argument(
        "--report-dir",
        env_var="LOADTEST_REPORT_DIR",
        help="Where the report goes (default: a new directory under loadtest-reports/)",
    )
    group.add_argument(
        "--keep-report-seconds",
        type=_seconds,
        default=0.0,
        env_var="LOADTEST_KEEP_REPORT_SECONDS",
        help="With --headless: stay after the verdict, where the report would go with the process, as in a pod, until "
        "there is a file `taken` beside it, and so long at most (default: 0)",
    )
    group.add_argument(
        "--metrics-port",
        type=_port,
        env_var="LOADTEST_METRICS_PORT",
        help="Serve the run's metrics to Prometheus there, under /metrics, from the master alone (default: not)",
    )
    group.add_argument(
        "--health-path",
        default="/api/health",
        env_var="LOADTEST_HEALTH_PATH",
        help="What must answer 200 before anything is sent; empty: nothing is asked (default: /api/health)",
    )
    group.add_argument(
        "--production-host",
        action="append",
        default=[],
        metavar="PATTERN",
        env_var="LOADTEST_PRODUCTION_HOST",
        help="Host names that are production, such as portal.example.com; may be given more than once; `none`: no host "
        "is (default: every host but loopback)",
    )
    group.add_argument(
        "--yes-load-production",
        action="store_true",
        env_var="LOADTEST_YES_LOAD_PRODUCTION",
        help="Load a production host all the same",
    )
    for action in group._group_actions:
        # What changes from run to run; paths and permissions are for who starts the process.
        action.include_in_web_ui = action.dest in ("arrivals", "rate", "seed")


def _objectives(text: str) -> str:
    try:
        load(Path(text))
    except BrokenFile as error:
        raise ArgumentTypeError(str(error)) from error
    # As text: Locust sends its options to the workers, and knows no paths.
    return text


def _baseline(text: str) -> str:
    try:
        read_report(Path(text))
    except NotComparable as error:
        raise ArgumentTypeError(str(error)) from error
    return text


def _autoscaling(text: str) -> str:
    try:
        session.load(Path(text))
    except BrokenFile as error:
        raise ArgumentTypeError(str(error)) from error
    return text


def _calibration(text: str) -> str:
    if text != MEASURE:
        try:
            document = read_report(Path(text))
        except NotComparable as error:
            raise ArgumentTypeError(f"{error}; give one, or {MEASURE}") from error
        if document.calibration is None:
            raise ArgumentTypeError(f"{text} is of a run that had no calibration; give another, or {MEASURE}")
    return text


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise ArgumentTypeError(f"{text} is not a positive number of arrivals a second")
    return value


def _seconds(text: str) -> float:
    if not text.isdecimal():
        raise ArgumentTypeError(f"{text} is not a number of seconds; 600 is ten minutes")
    return float(text)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ArgumentTypeError(f"{text} is not a port; one is a number from 1 to 65535")
    return int(text)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Locust's parsed options, and what the files that they name held before the run: whoever edits one meanwhile
    changes the next run, not this one."""

    parsed: Namespace
    users: int | None
    """As they were given: Locust itself sets one user when it is told none."""
    objectives: Objectives
    watched: session.Watched | None
    calibrated: Calibrated | None
    """As an earlier run measured it; None where this one does, or none is asked for."""
    baseline: Document | None

    def directory(self, run: str) -> Path:
        """Where the report of a run of that name goes. The web UI starts run after run: each has one of its own."""
        if self.parsed.report_dir and self.parsed.headless:
            return Path(self.parsed.report_dir)
        return Path(self.parsed.report_dir or "loadtest-reports", run)

    @property
    def spawn_rate(self) -> float | None:
        found: float | None = self.parsed.spawn_rate
        return found

    def target(self, host: str) -> Target:
        said = os.environ.get(STAND_INS_VARIABLE, "").splitlines()
        return Target(url=host, stand_ins=(*said, *(watched.stand_ins() if (watched := self.watched) else ())))

    def plan(self, host: str, *, cores: float = 1) -> Plan:
        """Raises BadOptions for values that are good each by itself and not together. `cores`: that generators have."""
        if not is_address(host):
            raise BadOptions(f"host = {host!r} is no address; give one such as https://portal.staging.example.com")
        if self.users is not None and self.users < 1:
            raise BadOptions(f"users = {self.users}: nobody would come; 1 at least")
        if self.parsed.run_time is not None and self.parsed.run_time < 1:
            raise BadOptions(f"run-time = {self.parsed.run_time} s: nothing would be sent; 1 s at least")
        plan = self._plan(cores)
        if baseline := self.baseline:
            reasons = list(planned_otherwise(baseline, plan, self.target(host)))
            if reasons:
                raise BadOptions(f"baseline = {self.parsed.baseline} is of another run: {'; '.join(reasons)}")
        return plan

    def _plan(self, cores: float) -> Plan:
        parsed = self.parsed
        if watched := self.watched:
            return self._autoscaled(watched)
        if not self.objectives.objectives:
            raise BadOptions(f"slo = {parsed.slo} has no objectives: such a run could not miss one; give it some")
        if parsed.calibration:
            raise BadOptions(f"calibration = {parsed.calibration} is for an autoscaler: give --autoscaling too")
        if parsed.profile == AUTOSCALE:
            raise BadOptions(
                f"profile = {AUTOSCALE} needs --autoscaling: the autoscaler, and the steps that it must follow"
            )
        if not parsed.profile:
            return custom(users=self.users or 1, spawn_rate=parsed.spawn_rate or 1, seconds=parsed.run_time)
        arrivals: Arrival = parsed.arrivals
        users = self.users
        if parsed.profile not in ABOUT:
            raise BadOptions(f"profile = {parsed.profile} is none of {', '.join(sorted(ABOUT))}")
        try:
            rate = _positive(str(parsed.rate)) if parsed.rate else None
        except ArgumentTypeError as error:
            raise BadOptions(f"rate = {error}") from error
        if parsed.profile == "breakpoint":
            return self._searching(rate, users, cores)
        return named(
            parsed.profile,
            arrivals=arrivals,
            rate_rps=rate,
            users=users,
            seconds=parsed.run_time,
            seed=int(parsed.seed or 0),
        )

    def _autoscaled(self, watched: session.Watched) -> Plan:
        parsed = self.parsed
        arrivals: Literal["constant", "poisson"] = "constant" if parsed.arrivals == "constant" else "poisson"
        seed = int(parsed.seed or 0)
        if not parsed.calibration:
            if not watched.steps:
                raise BadOptions(f"autoscaling = {parsed.autoscaling} has no steps; give them there, or --calibration")
            return stepped(watched.load_steps(), arrivals=arrivals, users=self.users, seed=seed)
        if watched.steps:
            raise BadOptions(f"calibration = {parsed.calibration}: {parsed.autoscaling} has steps; give one of the two")
        if parsed.baseline:
            raise BadOptions(
                f"baseline = {parsed.baseline}: steps from a calibration are others each time; to compare, give both "
                "runs the same `steps`, and no --calibration"
            )
        return calibrating(
            rate_rps=parsed.rate,
            measures=parsed.calibration == MEASURE,
            time_scale=watched.time_scale,
            arrivals=arrivals,
            users=self.users,
            seed=seed,
        )

    def _searching(self, required_rps: float | None, users: int | None, cores: float) -> Plan:
        parsed = self.parsed
        if parsed.arrivals == "closed":
            raise BadOptions("arrivals = closed: a search needs rates that it decides; poisson or constant")
        if not steady(self.objectives).objectives:
            raise BadOptions(
                "profile = breakpoint needs an objective for latency, errors or apdex in phase steady (--slo)"
            )
        if parsed.run_time and parsed.run_time < LEAST_SEARCH_SECONDS:
            raise BadOptions(
                f"run-time = {parsed.run_time} s is too short for a search; {LEAST_SEARCH_SECONDS} s at least"
            )
        return searching(
            self.objectives,
            arrivals=parsed.arrivals,
            required_rps=required_rps,
            seconds=parsed.run_time,
            cores=cores,
            users=users,
            seed=int(parsed.seed or 0),
        )

    def preflight(
        self, host: str, plan: Plan, *, generators: Generators, lacking: Sequence[str]
    ) -> tuple[list[str], tuple[Credential, ...]]:
        """Why the run must not start, and what it is let in by. What may go wrong, or is not known, is logged.

        `lacking`: journeys that are left out for want of a token.
        """
        token, file = os.environ.get(TOKEN_VARIABLE, ""), self.parsed.autoscaling
        cluster = of_autoscaler(Path(file)) if file else Feasibility(refusals=(), notes=())
        credentials = (*of_token(token), *cluster.credentials)
        problems = preflight(
            host,
            plan=plan,
            generators=generators,
            token=token,
            lacking=lacking,
            credentials=credentials,
            health_path=self.parsed.health_path,
            production=self.parsed.production_host,
            allowed=self.parsed.yes_load_production,
            scales=self.watched is not None,
        )
        ends_early = outlived(credentials, seconds=planned_seconds(plan), now=time.time(), replaceable=True)
        for note in (*cluster.notes, *ends_early):
            log.warning("Preflight: %s", note)
        return [*problems, *cluster.refusals], credentials


def read(parsed: Namespace, *, of_form: bool = False) -> Options:
    """`of_form`: the web UI's, which knows no absent number of users, and has 1 in its place."""
    users: int | None = parsed.num_users
    try:
        return Options(
            parsed=parsed,
            users=None if of_form and users == 1 else users,
            objectives=load(Path(parsed.slo or DEFAULT_SLO)),
            watched=session.load(Path(parsed.autoscaling)) if parsed.autoscaling else None,
            calibrated=_calibrated(parsed.calibration),
            baseline=read_report(Path(parsed.baseline)) if parsed.baseline else None,
        )
    except (BrokenFile, NotComparable) as broken:
        raise BadOptions(str(broken)) from broken


def _calibrated(source: str | None) -> Calibrated | None:
    if not source or source == MEASURE:
        return None
    document = read_report(Path(source))
    if document.calibration is None:
        raise NotComparable(f"{source} is of a run that had no calibration")
    return replace(document.calibration, source=document.calibration.source or document.started_at)


def is_address(host: str) -> bool:
    """Whether Locust can send there."""
    try:
        url = urlsplit(host)
        return url.scheme in ("http", "https") and bool(url.hostname) and (url.port is None or url.port > 0)
    except ValueError:
        # A port or an IPv6 address that is none.
        return False
