"""A locustfile with Locust's own user and nothing of ours: what ours is measured against."""

from locust import FastHttpUser, task


class Stock(FastHttpUser):
    @task
    def ask(self) -> None:
        self.client.get("/api/health")
