"""A locustfile with our user, doing as little as Locust's own in stock_user.py; and with the checks of a journey."""

from locust import task

import loadtest.plugin  # noqa: F401
from loadtest.scenarios.health import PortalHealth
from loadtest.shapes.shape import PlannedShape  # noqa: F401
from loadtest.users import PortalUser


class Unchecked(PortalUser):
    think_seconds = (0.0, 0.0)

    @task
    def ask(self) -> None:
        with self.call("GET", "/api/health", name="/api/health"):
            pass


class Checked(PortalHealth):
    think_seconds = (0.0, 0.0)


class Pausing(Unchecked):
    """Ten a second, as long as the target answers at once."""

    think_seconds = (0.1, 0.1)
