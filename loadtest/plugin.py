"""Joins the load test to Locust: arguments, events, messages, exit code. Importing it is enough."""

import logging
import os
import signal
import sys
import time
from contextlib import suppress
from typing import Any, Final

import gevent
from locust import events
from locust.env import Environment
from locust.rpc import Message
from locust.runners import MasterRunner, WorkerRunner

from loadtest.conductor import (
    ATTRIBUTE_CONDUCTOR,
    EXTEND,
    FINAL,
    FINISH,
    REPORT,
    START,
    Conductor,
    conductor_of,
)
from loadtest.live.metrics import MetricsServer, PortTaken
from loadtest.live.tabs import add_tabs
from loadtest.maker import ASSIGNMENT, PHASES, begin, end, maker_of
from loadtest.options import BadOptions, Options, add_arguments

log = logging.getLogger(__name__)

STOP_TIMEOUT_SECONDS: Final = 10.0
"""For requests in flight at the end; Locust's own default discards them, so a hung target would look well."""
TAKEN: Final = "taken"
"""A file beside the report: whoever waited for it has it."""


@events.init_command_line_parser.add_listener
def _arguments(parser: Any, **_: Any) -> None:
    add_arguments(parser)


@events.init.add_listener
def _init(environment: Environment, runner: Any, **_: Any) -> None:
    if isinstance(runner, WorkerRunner):
        _join_worker(environment, runner)
    else:
        _join_master(environment, runner)


def _join_worker(environment: Environment, runner: WorkerRunner) -> None:
    # The master alone judges; a worker that did its part did well.
    environment.process_exit_code = 0

    if environment.parsed_options and environment.parsed_options.processes:
        gevent.spawn(_end_without_master, runner, os.getppid())

    def start(environment: Environment, msg: Message, **_: Any) -> None:
        end(environment)
        begin(environment, ASSIGNMENT.validate_python(msg.data))

    def extend(environment: Environment, msg: Message, **_: Any) -> None:
        if maker := maker_of(environment):
            maker.extend(PHASES.validate_python(msg.data))

    def finish(environment: Environment, **_: Any) -> None:
        if going_on := maker_of(environment):
            going_on.close()
            runner.stop()
            # No report may come between: this one is the last.
            if maker := end(environment):
                runner.send_message(FINAL, maker.report(final=True))

    def report(data: dict[str, Any], **_: Any) -> None:
        if maker := maker_of(environment):
            data[REPORT] = maker.report()

    runner.register_message(START, start)
    runner.register_message(EXTEND, extend)
    # Users may take a while to end; messages must be read meanwhile.
    runner.register_message(FINISH, finish, concurrent=True)
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
    if options.headless:
        _usage(environment, Options(options))
    conductor = Conductor(environment, Options(options))
    setattr(environment, ATTRIBUTE_CONDUCTOR, conductor)
    if not options.stop_timeout:
        environment.stop_timeout = STOP_TIMEOUT_SECONDS

    def reported(client_id: str, data: dict[str, Any], **_: Any) -> None:
        if REPORT in data:
            conductor.report(client_id, data[REPORT])

    def final(msg: Message, **_: Any) -> None:
        conductor.report(msg.node_id, msg.data)

    if isinstance(runner, MasterRunner):
        environment.events.worker_report.add_listener(reported)
        runner.register_message(FINAL, final)
    # Locust answers SIGTERM only once a shape has come to its end; a Job in a cluster is stopped by it.
    gevent.signal_handler(signal.SIGTERM, _terminated, environment)
    environment.events.test_start.add_listener(lambda **_: conductor.begin())
    environment.events.test_stopping.add_listener(lambda **_: conductor.gather())
    environment.events.test_stop.add_listener(lambda **_: conductor.finish())
    if options.headless:
        environment.events.quit.add_listener(lambda **_: _last_word(conductor, options.keep_report_seconds))
    if environment.web_ui:
        add_tabs(environment.web_ui, lambda: conductor.live, busy=lambda: conductor.busy)
    if options.metrics_port:
        _serve_metrics(environment, options.metrics_port)


def _usage(environment: Environment, options: Options) -> None:
    """Before anything is started or written; the web UI says it when a run is started there."""
    try:
        options.plan(environment.host or "")
    except BadOptions as bad:
        print(f"locust: error: {bad}", file=sys.stderr)
        sys.exit(2)


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
    options = environment.parsed_options
    ends_by_itself = conductor_of(environment).running and options is not None and options.headless
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
    options = environment.parsed_options
    if options is not None and (options.headless or options.autostart):
        conductor.never_started()
    if conductor.verdict:
        environment.process_exit_code = conductor.verdict.exit_code
