"""The one shape that Locust sees: it asks the conductor, who knows the plan."""

from locust import LoadTestShape

from loadtest.conductor import conductor_of


class PlannedShape(LoadTestShape):
    use_common_options = True
    """Without a profile, --users, --spawn-rate and --run-time mean what they always do."""

    def tick(self) -> tuple[int, float] | None:
        assert self.runner is not None
        return conductor_of(self.runner.environment).tick()
