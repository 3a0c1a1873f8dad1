"""The user that all journeys build on: checks that fail aloud, connections that move on, arrivals that are on time."""

import random
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final

from gevent import GreenletExit
from locust.contrib.fasthttp import FastHttpSession, FastHttpUser, RestResponseContextManager
from locust.env import Environment
from locust.exception import RescheduleTask
from locust.user.task import LOCUST_STATE_STOPPING

from loadtest.maker import has_no_part, maker_of
from loadtest.recording.recorder import DUE, SENT
from loadtest.transport import Cookies, address

CONTENT_ERRORS: Final = (AssertionError, LookupError, TypeError, ValueError, AttributeError)
"""What reading an answer raises when it is not as expected. Locust counts none of these as a failed request."""

FOR_EVER_SECONDS: Final = 1e9


class Abandoned(RescheduleTask):
    """A step of the journey failed, and was recorded; what follows would have no meaning."""


class Unfinished(Exception):
    """The run ended while the request was under way. Locust drops those: a target that hangs would look well."""

    def __str__(self) -> str:
        return "no answer before the run ended"


class Session(FastHttpSession):
    """Stamps each request with when it was due and sent, and opens new connections now and then."""

    def __init__(self, user: "PortalUser", **settings: Any) -> None:
        super().__init__(user.host, user.environment.events.request, user, **settings)
        self.cookiejar = self.client.cookiejar = Cookies()
        self._portal_user = user
        self._recycle_at = 0.0

    def request(  # type: ignore[override]  # the rest goes through as it is
        self, method: str, url: str, name: str | None = None, **settings: Any
    ) -> Any:
        user = self._portal_user
        now = time.perf_counter()
        if now > self._recycle_at:
            # Keep-alive would pin a user to the pods of the start; at random, so that they do not all come at once.
            self.client.clientpool.close()
            self._recycle_at = now + user.connection_seconds * random.uniform(0.5, 1.5)
        maker = maker_of(user.environment)
        stamps: dict[str, float] = {}
        if maker:
            stamps[SENT] = now - maker.clock_zero
            if user.due is not None:
                # Waiting counts once: in the request with which the arrival begins.
                stamps[DUE], user.due = user.due, None
                maker.begins(type(user), f"{method} {name or url}")
            maker.in_flight += 1
        settings["context"] = stamps | settings.get("context", {})
        try:
            return super().request(method, url, name=name, **settings)
        except GreenletExit:
            if user._state != LOCUST_STATE_STOPPING:
                # Ended while it paused, and the pause was over at that moment: the target had no time to answer.
                raise
            self.request_event.fire(
                request_type=method,
                name=name or url,
                response_time=(time.perf_counter() - now) * 1000,
                response_length=0,
                response=None,
                exception=Unfinished(),
                context=settings["context"],
                start_time=time.time(),
                url=url,
            )
            raise
        finally:
            if maker:
                maker.in_flight -= 1

    def _send_request_safe_mode(self, method: str, url: str, **settings: Any) -> Any:
        # What else is given becomes parameters, which only a text takes in.
        found: Any = address(url) if settings.keys() <= {"payload", "headers"} else url
        return super()._send_request_safe_mode(method, found, **settings)


class PortalUser(FastHttpUser):
    """A visitor. A journey is a subclass with tasks; each step of a task is a `call`.

    In the open model a task runs when an arrival is due; in the closed model after a think time.
    """

    abstract = True
    insecure = False
    """Certificates are checked: tokens go over these connections."""
    connection_timeout = 10.0
    network_timeout = 30.0
    connection_seconds = 30.0
    """After about so long a connection is made anew, so that pods that joined get their share."""
    think_seconds: tuple[float, float] = (1.0, 3.0)

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.due: float | None = None
        self.client = Session(
            self,
            network_timeout=self.network_timeout,
            connection_timeout=self.connection_timeout,
            max_redirects=self.max_redirects,
            max_retries=self.max_retries,
            insecure=self.insecure,
            concurrency=self.concurrency,
            headers=self.default_headers,
        )

    def prepare(self) -> None:
        """What a journey does once before its first task, such as signing in."""

    def on_start(self) -> None:
        if has_no_part(self.environment):
            self.wait()  # type: ignore[no-untyped-call]
        self.prepare()
        maker = maker_of(self.environment)
        if maker and maker.open:
            # Locust runs a first task at once; here none runs that was not due.
            self.wait()  # type: ignore[no-untyped-call]

    def wait_time(self) -> float:
        if has_no_part(self.environment):
            return FOR_EVER_SECONDS
        maker = maker_of(self.environment)
        if maker and maker.open:
            self.due = maker.take(type(self))
            return 0.0
        return random.uniform(*self.think_seconds)

    def call(self, method: str, path: str, *, name: str, expect: int = 200, **settings: Any) -> "Call":
        """One request; `name` is its route, without ids. Only the status `expect` passes, and only if the block does.

            with self.call("GET", f"/api/catalog/entities/by-name/{ref}", name="/by-name") as answer:
                assert answer.json()["kind"] == "Component", "another kind"

        Whatever the block finds wrong marks the request as failed and abandons the journey.
        """
        return Call(lambda: self.client.request(method, path, name=name, catch_response=True, **settings), expect)


class Call:
    """A request that is sent when its block begins, and counted when it ends.

    No generator: each is walked through by thousands of requests a second, and the collector looks at all of them.
    """

    __slots__ = ("_answer", "_expect", "_send")

    def __init__(self, send: Callable[[], Any], expect: int) -> None:
        self._send, self._expect = send, expect

    def __enter__(self) -> RestResponseContextManager:
        answer: RestResponseContextManager = self._send().__enter__()
        self._answer: Any = answer
        status = answer.status_code
        if status != self._expect:
            # Of none, Locust's own handling keeps the reason: refused, timed out, not resolved.
            unanswered = answer.request_meta["exception"] or getattr(answer, "error", None) or "no answer"
            self._fail(f"HTTP {status} instead of {self._expect}" if status else unanswered)
            raise Abandoned
        return answer

    def __exit__(
        self, kind: type[BaseException] | None, wrong: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if not isinstance(wrong, CONTENT_ERRORS):
            return bool(self._answer.__exit__(kind, wrong, traceback))
        self._fail(f"content: {type(wrong).__name__}: {wrong}"[:200])
        raise Abandoned from wrong

    def _fail(self, reason: Any) -> None:
        self._answer.failure(reason)
        self._answer.__exit__(None, None, None)
