"""The run as the master, or a process without workers, sees it: begins, collects, ends, judges, reports.

Locust's own end is too short for the last samples: a master waits half a second for them, while its workers may wait
`--stop-timeout` for their users. So the workers are asked to finish, and waited for, before Locust ends anything.
"""

import logging
import math
import platform
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import locust
from gevent import Greenlet, sleep, spawn
from locust.env import Environment
from locust.runners import STATE_MISSING, MasterRunner

from loadtest.arrivals import PATIENCE_SECONDS, planned_per_second
from loadtest.autoscaling.calibrate import Calibrated
from loadtest.autoscaling.climb import steps_from
from loadtest.autoscaling.record import AutoscalingRecord, Sample
from loadtest.autoscaling.session import SamplerProcess
from loadtest.autoscaling.steps import Infeasible
from loadtest.breakpoint import LEAD_SECONDS, following, probes, result
from loadtest.compare import against
from loadtest.credentials import Credential, outlived
from loadtest.live.view import REPORTED_AFTER_SECONDS, Live
from loadtest.maker import ASSIGNMENT, PHASES, Assignment, begin, end, maker_of
from loadtest.options import BadOptions, Options, read
from loadtest.preflight import cores_here, generators
from loadtest.recording.collector import Collector
from loadtest.report.build import document
from loadtest.report.document import Comparison
from loadtest.report.files import write_all
from loadtest.run import Arrivals, Ended, Journeys, Phase, Plan, RecordedRun
from loadtest.scenarios.journeys import NO_TOKEN, left_out
from loadtest.shapes.profiles import custom, step_phases
from loadtest.slo.evaluate import evaluate
from loadtest.slo.spec import Objectives
from loadtest.verdict import Reason, Result, Targets, Verdict, judge

ATTRIBUTE_CONDUCTOR: Final = "portal_conductor"
START, EXTEND, FINISH, FINAL = "loadtest.start", "loadtest.extend", "loadtest.finish", "loadtest.final"
PROBLEM, HURRY = "loadtest.problem", "loadtest.hurry"
REPORT: Final = "loadtest"
"""The key of our part in the reports that workers send anyway."""
GRACE_SECONDS: Final = 5.0
"""Beyond --stop-timeout, for the last report of a worker."""
HURRIED_SECONDS: Final = 2.0
"""For that report, of a worker that is to wait for its users no longer."""
SPAWN_PER_SECOND: Final = 500.0

log = logging.getLogger(__name__)


def conductor_of(environment: Environment) -> "Conductor":
    found: Conductor = getattr(environment, ATTRIBUTE_CONDUCTOR)
    return found


class Conductor:
    def __init__(self, environment: Environment, options: Options) -> None:
        self._environment, self._options = environment, options
        self._plan: Plan | None = None
        self._collector = Collector()
        self._started_at = 0.0
        self._zero = 0.0
        self._ended: Ended | None = None
        self._end_seconds = 0.0
        self._problems: list[str] = []
        self._credentials: tuple[Credential, ...] = ()
        self._last_tick: tuple[int, float] = (0, 1.0)
        self._watch: Greenlet | None = None
        self._sampler: SamplerProcess | None = None
        self._replicas: Sample | None = None
        self._calibrated: Calibrated | None = None
        self._gathered = self._finishing = False
        self._waits_until = math.inf
        self._joined: set[str] = set()
        self.running = False
        self.verdict: Verdict | None = None
        self.directory: Path | None = None
        self.live: Live | None = None
        """What is known of the run that goes on, or of the last one."""

    # What Locust asks and tells.

    def tick(self) -> tuple[int, float] | None:
        """Users and spawn rate for now; None ends the run."""
        if not self.running:
            self._plan = None
            able = generators(self._ready(), here=cores_here())
            try:
                if self._of_form:
                    self._options = read(self._options.parsed, of_form=True)
                self._plan = self._options.plan(self._environment.host or "", cores=able.cores)
            except BadOptions as bad:
                self.refuse([str(bad)])
                return None
            lacking = [name for name, why in self._journeys().left_out.items() if why == NO_TOKEN]
            problems, self._credentials = self._options.preflight(
                self._environment.host or "",
                self._plan,
                generators=able,
                lacking=[] if self._options.parsed.user_classes else lacking,
            )
            if problems:
                self.refuse(problems)
                return None
            self._last_tick = self._wanted(self._plan.phases[0])
            return self._last_tick
        if self._gathered or self._ended:
            # While others end the run: this must not end it a second time.
            return None if self._ended and not self._gathered else self._last_tick
        at = self.now()
        self._search_on(at)
        self._step_on(at)
        plan = self._known_plan()
        if plan.end_seconds is not None and at >= plan.end_seconds:
            self._ended, self._end_seconds = "completed", plan.end_seconds
            return None
        self._last_tick = self._wanted(plan.phase_at(at))
        return self._last_tick

    def begin(self) -> None:
        """Locust's `test_start`, before any user is made."""
        plan = self._plan = self._plan or self._options.plan(self._environment.host or "")
        self._collector = Collector()
        self._started_at, self._zero = time.time(), time.perf_counter()
        self._ended, self._problems, self._end_seconds = None, [], 0.0
        self._replicas = self._calibrated = None
        self._gathered = self._finishing = False
        self._waits_until, self._joined = math.inf, set()
        self.verdict, self.running = None, True
        self.live = self._new_live(plan)
        runner = self._environment.runner
        ready = self._ready()
        workers = ["local"] if ready is None else sorted(ready)
        for position, worker in enumerate(workers):
            self._collector.expect(worker)
            assignment = Assignment(
                plan=plan,
                started_at=self._started_at,
                position=position,
                workers=len(workers),
                shares=dict(self._shares()),
                patience_seconds=PATIENCE_SECONDS,
            )
            if isinstance(runner, MasterRunner):
                runner.send_message(START, ASSIGNMENT.dump_python(assignment, mode="json"), worker)
            else:
                begin(self._environment, assignment)
        watched = self._options.watched
        self._sampler = SamplerProcess(watched) if watched else None
        self._watch = spawn(self._watching)

    def report(self, worker: str, data: dict[str, Any]) -> None:
        if self.running and self.live:
            self.live.add(worker, data, self._collector.add(worker, data, received_at=self.now()))

    def problem(self, text: str) -> None:
        """What a worker finds wrong with its part of the run: whatever follows would not count."""
        if self.running:
            self._problems.append(text)
            self._ended, self._end_seconds = "aborted", self.now()

    def gather(self) -> None:
        """Locust's `test_stopping`: every worker lets its users finish and sends what it still has."""
        if self._gathered or not self.running:
            return
        self._gathered = True
        self._end_seconds = self._end_seconds or self.now()
        if self._watch:
            self._watch.kill(block=False)
        runner = self._environment.runner
        if not isinstance(runner, MasterRunner):
            if maker := maker_of(self._environment):
                maker.close()
            return
        # The last one to go missing ends the run before anybody has looked.
        mine = self._look_after(runner, at=self._end_seconds)
        for worker in mine:
            runner.send_message(FINISH, None, worker)
        self._waits_until = min(self._waits_until, time.monotonic() + self._environment.stop_timeout + GRACE_SECONDS)
        while (waiting := self._collector.unfinished(mine)) and time.monotonic() < self._waits_until:
            sleep(0.05)
        for worker in waiting:
            self._collector.lost(worker, at=self._end_seconds)

    def finish(self) -> None:
        """Locust's `test_stop`: judge and report, once a run."""
        if self._finishing or not self.running:
            return
        self._finishing = True
        if maker := end(self._environment):
            self.report("local", maker.report(final=True))
        self.running = False
        self._conclude(self._recorded())

    def refuse(self, problems: Sequence[str]) -> None:
        """Nothing is sent; the report says why."""
        self._ended, self._problems, self._end_seconds = "refused", list(problems), 0.0
        self._plan = self._plan or custom(users=0, spawn_rate=1, seconds=None)
        self._collector, self.live = Collector(), None
        self._started_at = time.time()
        self._conclude(self._recorded())

    def never_started(self, why: str) -> None:
        """Locust ends and no run was ever begun."""
        if self.verdict is None:
            with suppress(BadOptions):
                self._plan = self._options.plan(self._environment.host or "")
            self.refuse([f"the run never started: {why}"])

    def hurry(self) -> None:
        """Whoever ended the run asks again: what is under way is waited for no longer, and counts as unfinished."""
        self._waits_until = time.monotonic() + HURRIED_SECONDS
        runner = self._environment.runner
        if isinstance(runner, MasterRunner):
            runner.send_message(HURRY)
        elif runner is not None:
            runner.user_greenlets.kill(block=False)

    def extend(self, phases: Sequence[Phase]) -> None:
        """Adds to the plan while it runs."""
        plan = self._known_plan()
        self._plan = replace(plan, phases=(*plan.phases, *phases))
        if self.live:
            self.live.extend(self._plan)
        runner = self._environment.runner
        if isinstance(runner, MasterRunner):
            runner.send_message(EXTEND, PHASES.dump_python(tuple(phases), mode="json"))
        elif maker := maker_of(self._environment):
            maker.extend(phases)

    @property
    def busy(self) -> bool:
        """Whether a run goes on, or has ended and waits for its verdict."""
        return self.running or (self._finishing and self.verdict is None)

    @property
    def ending(self) -> bool:
        """Whether a run is being ended: from here on nothing may come between it and its verdict."""
        return self._gathered and self.verdict is None

    def now(self) -> float:
        return time.perf_counter() - self._zero

    # What happens meanwhile.

    def _watching(self) -> None:
        runner = self._environment.runner
        told = None
        while True:
            phase = self._known_plan().phase_at(self.now())
            if phase is not told:
                log.info(described(phase))
                told = phase
            sleep(1)
            if isinstance(runner, MasterRunner):
                self._look_after(runner, at=self.now())
            elif maker := maker_of(self._environment):
                self.report("local", maker.report())
            if breach := self._breach():
                log.error("Ending the run: %s", breach)
                self._ended, self._end_seconds = "aborted", self.now()
                return

    def _look_after(self, runner: MasterRunner, *, at: float) -> set[str]:
        """Those that have a part in the run and are there. Locust gives users to one that comes later all the same."""
        alive = {client.id for client in runner.clients.all if client.state != STATE_MISSING}
        mine = set(self._collector.sources)
        for worker in mine - alive:
            self._collector.lost(worker, at=at)
        for worker in alive - mine - self._joined:
            self._joined.add(worker)
            self._problems.append(
                f"a worker joined at {at:.0f} s, {worker}: it has no part in the plan, and took users from those that "
                "have; start all workers before the run (--expect-workers)"
            )
        return mine & alive

    def _search_on(self, at: float) -> None:
        """Where each probe decides on the next: goes on before the plan is at its end."""
        plan = self._known_plan()
        if plan.search is None or at < (plan.end_seconds or 0.0) - LEAD_SECONDS:
            return
        objectives, cells = self._options.objectives, self._collector.cells()
        workers = self._collector.workers()
        measured = tuple(probes(plan, cells, self._arrivals(plan, at), objectives, until_seconds=at, workers=workers))
        more = following(plan, measured, objectives, unanswered=self.live.unanswered if self.live else 0)
        if more:
            if found := result(plan, measured):
                log.info("So far %s", found.sentence())
            self.extend(more)

    def _step_on(self, at: float) -> None:
        """Once a calibration is whole, the steps that it decides on: goes on before the plan is at its end."""
        plan, watched = self._known_plan(), self._options.watched
        if not plan.calibrates or self._calibrated or not self._sampler or watched is None:
            return
        if at < (plan.end_seconds or 0.0) - LEAD_SECONDS:
            return
        record = self._sampler.so_far(run_started_at=self._started_at)
        try:
            if isinstance(record, str):
                raise Infeasible([record])
            self._calibrated, steps = steps_from(
                record,
                watched=watched,
                opening=plan.phases,
                started=self._collector.started(seconds=int(at)),
                journeys=dict(self._shares()),
                known=self._options.calibrated,
                until=at - REPORTED_AFTER_SECONDS,
            )
            seconds = sum(step.hold_seconds for step in steps)
            if problems := outlived(self._credentials, seconds=seconds, now=time.time()):
                raise Infeasible(problems)
        except Infeasible as infeasible:
            self._problems += infeasible.reasons
            self._ended, self._end_seconds = "aborted", at
            return
        log.info("Calibration: %s", self._calibrated.sentence())
        for step in steps:
            log.info("Step to %d replicas: %.4g arrivals/s for %.0f s", step.replicas, step.rate_rps, step.hold_seconds)
        self.extend(step_phases(steps, users=self._options.users, start=plan.end_seconds or 0.0))

    def _arrivals(self, plan: Plan, until_seconds: float) -> Arrivals:
        seconds = int(until_seconds)
        return Arrivals(
            planned=tuple(planned_per_second(plan, self._shares(), until_seconds=seconds)),
            started=self._collector.started(seconds=seconds),
            start_delay=self._collector.start_delay(),
        )

    def _breach(self) -> str | None:
        """An objective that is to end the run when missed, and is; to miss some is what a search is for."""
        objectives = tuple(o for o in self._options.objectives.objectives if o.abort)
        if not objectives or self._known_plan().search:
            return None
        until = self.now() - REPORTED_AFTER_SECONDS
        longest = max(2 * (o.window_seconds or 0) + o.for_seconds for o in objectives)
        since = max(until - longest, 0.0)
        outcomes = evaluate(
            Objectives(objectives=objectives),
            self._known_plan(),
            self._collector.cells(since=since),
            until_seconds=until,
            since_seconds=since,
        )
        return next((outcome.sentence() for outcome in outcomes if outcome.missed), None)

    def _recorded(self) -> RecordedRun:
        plan, duration = self._known_plan(), self._end_seconds
        self._replicas = self._latest_replicas()
        seen = self._seen()
        if isinstance(seen, str):
            self._problems.append(seen)
        return RecordedRun(
            plan=plan,
            target=self._options.target(self._environment.host or ""),
            started_at=datetime.fromtimestamp(self._started_at, UTC).isoformat(timespec="seconds"),
            duration_seconds=duration,
            ended=self._ended or ("completed" if plan.end_seconds is None else "interrupted"),
            cells=self._collector.cells(),
            workers=self._collector.workers(),
            journeys=self._journeys(),
            arrivals=self._arrivals(plan, duration) if plan.model == "open" and duration else None,
            autoscaling=None if isinstance(seen, str) else seen,
            calibration=self._calibrated,
            problems=tuple(self._problems),
            versions={"locust": locust.__version__, "python": platform.python_version()},
        )

    def _seen(self) -> AutoscalingRecord | str | None:
        """By the sampler, which ends; in words, why that is nothing."""
        sampler, self._sampler = self._sampler, None
        try:
            return sampler.stop(run_started_at=self._started_at) if sampler else None
        except Exception as error:
            log.exception("What the sampler saw cannot be read")
            return f"what the sampler saw cannot be read: {type(error).__name__}: {error}"

    def _conclude(self, run: RecordedRun) -> None:
        """Whatever goes wrong here, there is a verdict, and what was recorded is written."""
        self.directory = self._options.directory(f"{run.started_at[:19].replace(':', '')}-{run.plan.profile}")
        try:
            verdict, comparison = self._judged(run)
        except Exception as error:
            log.exception("No verdict can be worked out")
            text = f"no verdict could be worked out: {type(error).__name__}: {error}"
            broken = Reason(result=Result.invalid_run, rule="recorder", text=text)
            verdict, comparison = Verdict(result=Result.invalid_run, reasons=(broken,)), None
        self.verdict = write_all(run, verdict, self.directory, comparison=comparison)
        self.live = self.live or self._new_live(run.plan)
        self.live.end(self.verdict, at_seconds=run.duration_seconds)

    def _judged(self, run: RecordedRun) -> tuple[Verdict, Comparison | None]:
        watched = self._options.watched
        # A plan that came to no steps has nothing to hold the autoscaler to, and its own reasons.
        asked = run.ended != "refused" and any(phase.replicas is not None for phase in run.plan.phases)
        expected = watched.expectations(run.plan.phases) if watched and asked else None
        verdict = judge(run, Targets(objectives=self._options.objectives, autoscaling=expected))
        comparison = None
        if (baseline := self._options.baseline) and run.ended == "completed":
            comparison, worse = against(baseline, document(run, verdict))
            verdict = verdict.and_also(*worse)
        return verdict, comparison

    def _new_live(self, plan: Plan) -> Live:
        return Live(
            plan,
            shares=self._shares(),
            objectives=self._options.objectives,
            collector=self._collector,
            now=self.now,
            replicas=self._latest_replicas,
        )

    def _latest_replicas(self) -> Sample | None:
        return self._sampler.latest() if self._sampler else self._replicas

    def _known_plan(self) -> Plan:
        assert self._plan is not None
        return self._plan

    def _wanted(self, phase: Phase) -> tuple[int, float]:
        users = phase.users or 0
        own_rate = self._options.spawn_rate if self._known_plan().profile == "custom" else None
        return users, own_rate or min(max(users, 1), SPAWN_PER_SECOND)

    @property
    def _of_form(self) -> bool:
        """Whether the web UI starts this run, with what its form says, and not the command line."""
        parsed = self._options.parsed
        return not parsed.headless and not (parsed.autostart and self.verdict is None)

    def _ready(self) -> list[str] | None:
        """The workers that wait for their part; None where there are none, since this process sends."""
        runner = self._environment.runner
        return [client.id for client in runner.clients.ready] if isinstance(runner, MasterRunner) else None

    def _journeys(self) -> Journeys:
        return Journeys(shares=dict(self._shares()), left_out=left_out(self._environment.user_classes))

    def _shares(self) -> list[tuple[str, float]]:
        classes = self._environment.user_classes
        total = sum(user.weight for user in classes)
        return sorted((user.__name__, user.weight / total) for user in classes)


def described(phase: Phase) -> str:
    """For who waits."""
    load = f"{phase.users} users" if phase.offered_rps is None else f"{phase.offered_rps:g} arrivals/s"
    until = "until stopped" if phase.end_seconds is None else f"until {phase.end_seconds:.0f} s"
    return f'Phase "{phase.label}": {load} {until}'
