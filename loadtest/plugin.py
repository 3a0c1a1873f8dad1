"""Joins the load test to Locust: arguments, events, messages, exit code. Importing it is enough."""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import gevent
from locust import User, events
from locust.env import Environment
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerRunner

from loadtest.conductor import (
    ATTRIBUTE_CONDUCTOR,
    EXTEND,
    FINAL,
    FINISH,
    HURRY,
    PROBLEM,
    REPORT,
    START,
    Conductor,
    conductor_of,
)
from loadtest.live.metrics import MetricsServer, PortTaken
from loadtest.live.tabs import add_tabs
from loadtest.maker import ASSIGNMENT, PHASES, begin, end, joins, maker_of
from loadtest.options import BadOptions, Options, add_arguments, read
from loadtest.report.files import clear
from loadtest.variables import TOKEN_VARIABLE
from loadtest.verdict import Result

log = logging.getLogger(__name__)

STOP_TIMEOUT_SECONDS: Final = 10.0
"""For requests in flight at the end; Locust's own default discards them, so a hung target would look well."""
CONCLUDED_SECONDS: Final = 120.0
"""From the end of a run to its verdict, with all that is waited for."""
TAKEN: Final = "taken"
"""A file beside the report: whoever waited for it has it."""


@events.init_command_line_parser.add_listener
def _arguments(parser: Any, **_: Any) -> None:
    add_arguments(parser)
    parse = parser.parse_args

    def parsed(*words: Any, **settings: Any) -> Any:
        """Locust itself ends with 1 for a user class that it does not know."""
        options = parse(*words, **settings)
        known = {each.__name__ for each in _users(User) if not each.abstract}
        if unknown := sorted(set(options.user_classes) - known):
            parser.error(
                f"no user class here: {', '.join(unknown)}; there are {', '.join(sorted(known))} "
                f"({TOKEN_VARIABLE} brings those that need it)"
            )
        return options

    # As it is asked, and not by a type: that would speak of a wrong option's value first.
    parser.parse_args = parsed


def _users(of: type[User]) -> Iterator[type[User]]:
    for each in of.__subclasses__():
        yield each
        yield from _users(each)


@events.init.add_listener
def _init(environment: Environment, runner: Any, **_: Any) -> None:
    if isinstance(runner, WorkerRunner):
        _join_worker(environment, runner)
    else:
        _join_master(environment, runner)


def _join_worker(environment: Environment, runner: WorkerRunner) -> None:
    # The master alone judges; a worker that did its part did well.
    environment.process_exit_code = 0

    joins(environment)

    if environment.parsed_options and environment.parsed_options.processes:
        gevent.spawn(_end_without_master, runner, os.getppid())

    def start(environment: Environment, msg: Message, **_: Any) -> None:
        end(environment)
        assignment = ASSIGNMENT.validate_python(msg.data)
        if lacking := assignment.shares.keys() - {user.__name__ for user in environment.user_classes}:
            runner.send_message(PROBLEM, {"lacking": sorted(lacking)})
        begin(environment, assignment)

    def extend(environment: Environment, msg: Message, **_: Any) -> None:
        if maker := maker_of(environment):
            maker.extend(PHASES.validate_python(msg.data))

    def finish(environment: Environment, **_: Any) -> None:
        if going_on := maker_of(environment):
            going_on.close()
            _on_interrupt(hurry)
            runner.stop()
            # No report may come between: this one is the last.
            if maker := end(environment):
                runner.send_message(FINAL, maker.report(final=True))
            _on_interrupt(None)

    def hurry(**_: Any) -> None:
        runner.user_greenlets.kill(block=False)

    def report(data: dict[str, Any], **_: Any) -> None:
        if maker := maker_of(environment):
            data[REPORT] = maker.report()

    runner.register_message(START, start)
    runner.register_message(EXTEND, extend)
    # Users may take a while to end; messages must be read meanwhile.
    runner.register_message(FINISH, finish, concurrent=True)
    runner.register_message(HURRY, hurry)
    environment.events.report_to_master.add_listener(report)
    # Added after the runner's own, and called in reverse: before it tells the master that this worker is gone.
    environment.events.quitting.add_listener(finish)


def _end_without_master(runner: WorkerRunner, master: int) -> None:
    """One that was killed takes no leave: what it forked would go on sending, or wait for it for ever."""
    while os.getppid() == master:
        gevent.sleep(1)
    log.error("The master is gone: this worker ends")
    runner.quit()


def _join_master(environment: Environment, runner: Any) -> None:
    options = environment.parsed_options
    assert options is not None
    asked = _asked(environment)
    conductor = Conductor(environment, asked)
    setattr(environment, ATTRIBUTE_CONDUCTOR, conductor)
    if not options.stop_timeout:
        environment.stop_timeout = STOP_TIMEOUT_SECONDS

    def reported(client_id: str, data: dict[str, Any], **_: Any) -> None:
        if REPORT in data:
            conductor.report(client_id, data[REPORT])

    def final(msg: Message, **_: Any) -> None:
        conductor.report(msg.node_id, msg.data)

    def problem(msg: Message, **_: Any) -> None:
        lacking = ", ".join(msg.data["lacking"])
        conductor.problem(
            f"worker {msg.node_id} does not have {lacking}, which the master has: start both with the same locustfile "
            f"and the same {TOKEN_VARIABLE}"
        )

    if isinstance(runner, MasterRunner):
        environment.events.worker_report.add_listener(reported)
        runner.register_message(FINAL, final)
        runner.register_message(PROBLEM, problem)
        if options.expect_workers_max_wait:
            seconds, options.expect_workers_max_wait = options.expect_workers_max_wait, 0
            gevent.spawn_later(seconds, _give_up, environment, seconds)
    if options.headless or options.autostart:
        # Until there is a verdict; whatever goes wrong before, nothing was proved.
        environment.process_exit_code = Result.invalid_run.exit_code
        # Locust takes it while workers are waited for as if something had broken.
        _on_interrupt(lambda: _terminated(environment))

    def begin_run(**_: Any) -> None:
        _on_interrupt(None)
        conductor.begin()

    def gather(**_: Any) -> None:
        if conductor.running:
            _on_interrupt(conductor.hurry)
        conductor.gather()

    def finish(**_: Any) -> None:
        conductor.finish()
        if not conductor.ending:
            _on_interrupt(None)

    # Locust answers SIGTERM only once a shape has come to its end; a Job in a cluster is stopped by it.
    gevent.signal_handler(signal.SIGTERM, _terminated, environment)
    environment.events.test_start.add_listener(begin_run)
    environment.events.test_stopping.add_listener(gather)
    environment.events.test_stop.add_listener(finish)
    if options.headless:
        environment.events.quit.add_listener(lambda **_: _last_word(conductor, options.keep_report_seconds))
    if environment.web_ui:
        add_tabs(environment.web_ui, lambda: conductor.live, busy=lambda: conductor.busy)
    if options.metrics_port:
        _serve_metrics(environment, options.metrics_port)


def _asked(environment: Environment) -> Options:
    """What is not usable ends here, before anything is started or written; the web UI says it when a run is started."""
    parsed = environment.parsed_options
    assert parsed is not None
    try:
        options = read(parsed)
        if parsed.headless:
            options.plan(environment.host or "")
    except BadOptions as bad:
        print(f"locust: error: {bad}", file=sys.stderr)
        sys.exit(Result.usage.exit_code)
    if parsed.headless and parsed.report_dir:
        clear(Path(parsed.report_dir))
    return options


def _on_interrupt(then: Callable[[], object] | None) -> None:
    """What Ctrl-C does from now on; None: what it does for Locust, which while a run is being ended would take what was
    recorded with it."""
    # Whoever starts it in the background of a script has it ignored.
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, (lambda *_: gevent.spawn(then)) if then else signal.default_int_handler)


def _waits(environment: Environment) -> bool:
    """Whether the run that the command line asks for has not begun, since workers are still to come."""
    options, runner = environment.parsed_options, environment.runner
    assert options is not None
    begins_by_itself = options.headless or options.autostart
    return bool(begins_by_itself and runner and not runner.shape_greenlet and conductor_of(environment).verdict is None)


def _give_up(environment: Environment, seconds: int) -> None:
    """Locust's own --expect-workers-max-wait ends with 1, as if a limit had been missed, and without a report."""
    options, runner = environment.parsed_options, environment.runner
    assert options is not None
    assert isinstance(runner, MasterRunner)
    came = len(runner.clients.ready)
    if _waits(environment) and came < options.expect_workers:
        why = f"{came} of {options.expect_workers} workers came within {seconds} s (--expect-workers-max-wait)"
        conductor_of(environment).never_started(why)
        _terminated(environment)


def _last_word(conductor: Conductor, keep_seconds: float) -> None:
    """Once more, as Locust's own tables have pushed it off the screen; then time to take the report away."""
    verdict, directory = conductor.verdict, conductor.directory
    if not verdict or not directory:
        return
    said = f"\nVerdict: {verdict.result.value}: {verdict.sentence()}\nReport: {directory}"
    taken = directory / TAKEN
    if keep_seconds:
        # One of a run before.
        taken.unlink(missing_ok=True)
        said += f"\nIt is kept for {keep_seconds:.0f} s, or until there is a file {taken}"
    print(said, file=sys.stderr, flush=True)
    until = time.monotonic() + keep_seconds
    with suppress(KeyboardInterrupt):
        while time.monotonic() < until and not taken.exists():
            gevent.sleep(0.5)


def _serve_metrics(environment: Environment, port: int) -> None:
    try:
        server = MetricsServer(port, lambda: conductor_of(environment).live)
    except PortTaken as taken:
        print(taken, file=sys.stderr)
        sys.exit(2)
    # After the verdict, which `quitting` brings at the latest.
    environment.events.quit.add_listener(lambda **_: server.linger())


def _terminated(environment: Environment) -> None:
    assert environment.runner is not None
    conductor, options = conductor_of(environment), environment.parsed_options
    if conductor.ending:
        conductor.hurry()
        return
    ends_by_itself = conductor.running and options is not None and options.headless
    environment.runner.quit()
    if not ends_by_itself:
        # Locust would go on waiting for workers, or serving its web UI.
        environment.events.quitting.fire(environment=environment, reverse=True)
        sys.exit(environment.process_exit_code)


@events.quitting.add_listener
def _quitting(environment: Environment, **_: Any) -> None:
    """On the master this comes after its runner has ended the run."""
    if isinstance(environment.runner, WorkerRunner):
        return
    conductor = conductor_of(environment)
    if conductor.running:
        # Without workers, Locust ends its runner only after this.
        assert environment.runner is not None
        environment.runner.quit()
    deadline = time.monotonic() + CONCLUDED_SECONDS
    while conductor.ending and time.monotonic() < deadline:
        # Another greenlet ends the run, such as that of a signal.
        gevent.sleep(0.05)
    options = environment.parsed_options
    if options is not None and (options.headless or options.autostart):
        conductor.never_started("it was ended before")
    if conductor.verdict:
        environment.process_exit_code = conductor.verdict.exit_code
