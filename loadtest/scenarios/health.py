"""What probes and status pages ask of the portal."""

from locust import task

from loadtest.users import PortalUser


class PortalHealth(PortalUser):
    @task
    def health(self) -> None:
        with self.call("GET", "/api/health", name="/api/health") as answer:
            assert answer.json()["status"] in ("ok", "healthy"), "status is neither ok nor healthy"
