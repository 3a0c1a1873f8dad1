"""The frontend's own routes: what monitoring asks of it, and the marketplace of plugins."""

from locust import task

from loadtest.scenarios.visitor import Visitor


class Probe(Visitor):
    identity = "none"

    @task(2)
    def ready(self) -> None:
        with self.ask("GET", "/api/health/ready", name="/api/health/ready"):
            pass

    @task
    def metrics(self) -> None:
        with self.ask("GET", "/api/metrics", name="/api/metrics") as answer:
            assert "# TYPE" in (answer.text or ""), "no metrics of Prometheus"


class VisitMarketplace(Visitor):
    @task
    def look_and_install(self) -> None:
        with self.ask("GET", "/api/plugins?page=1&limit=10", name="/api/plugins") as answer:
            plugins = answer.json()["plugins"]
            assert plugins, "the marketplace is empty"
            assert len(plugins) <= 10, "more than asked for"
        body = {"pluginId": plugins[0]["id"]}
        path = "/api/plugins/install"
        with self.ask("POST", path, name=path, json=body, expect=202) as answer:
            assert answer.json()["pluginId"] == plugins[0]["id"], "another plugin"
