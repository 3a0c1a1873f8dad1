"""The user that all journeys build on: checks that fail aloud, connections that move on, arrivals that are on time."""

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from gevent import GreenletExit
from locust.contrib.fasthttp import FastHttpSession, FastHttpUser, RestResponseContextManager
from locust.env import Environment
from locust.exception import RescheduleTask

from loadtest.maker import maker_of
from loadtest.recording.recorder import DUE, SENT

CONTENT_ERRORS: Final = (AssertionError, LookupError, TypeError, ValueError, AttributeError)
"""What reading an answer raises when it is not as expected. Locust counts none of these as a failed request."""


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
            maker.in_flight += 1
        settings["context"] = stamps | settings.get("context", {})
        try:
            return super().request(method, url, name=name, **settings)
        except GreenletExit:
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
        self.prepare()
        maker = maker_of(self.environment)
        if maker and maker.open:
            # Locust runs a first task at once; here none runs that was not due.
            self.wait()  # type: ignore[no-untyped-call]

    def wait_time(self) -> float:
        maker = maker_of(self.environment)
        if maker and maker.open:
            self.due = maker.take(type(self))
            return 0.0
        return random.uniform(*self.think_seconds)

    @contextmanager
    def call(
        self, method: str, path: str, *, name: str, expect: int = 200, **settings: Any
    ) -> Iterator[RestResponseContextManager]:
        """One request; `name` is its route, without ids. Only the status `expect` passes, and only if the block does.

            with self.call("GET", f"/api/catalog/entities/by-name/{ref}", name="/by-name") as answer:
                assert answer.json()["kind"] == "Component", "another kind"

        Whatever the block finds wrong marks the request as failed and abandons the journey.
        """
        with self.client.request(method, path, name=name, catch_response=True, **settings) as response:
            if response.status_code == 0:
                # Locust's own handling keeps the reason: refused, timed out, not resolved.
                failed: Any = response.request_meta["exception"] or getattr(response, "error", None)
                response.failure(failed or "no answer")
                raise Abandoned
            if response.status_code != expect:
                response.failure(f"HTTP {response.status_code} instead of {expect}")
                raise Abandoned
            try:
                yield response
            except CONTENT_ERRORS as wrong:
                response.failure(f"content: {type(wrong).__name__}: {wrong}"[:200])
                raise Abandoned from wrong
