"""Creating something from a template: the task is accepted, works, and completes."""

import time
from typing import Final

from gevent import sleep
from locust import task

from loadtest.scenarios.visitor import Visitor

TEMPLATE: Final = "template:default/load-test"
POLL_SECONDS: Final = 1.0
COMPLETED_SECONDS: Final = 60.0


class Scaffold(Visitor):
    @task
    def create(self) -> None:
        path = "/api/scaffolder/v2/tasks"
        body = {"templateRef": TEMPLATE, "values": {"name": "load-test"}}
        with self.ask("POST", path, name=path, json=body, expect=201) as answer:
            created = str(answer.json()["id"])
        deadline = time.monotonic() + COMPLETED_SECONDS
        # Asked before there are events, Backstage holds the answer back for a second: that would measure our haste.
        sleep(POLL_SECONDS)
        while not self.completed(created, late=time.monotonic() > deadline):
            sleep(POLL_SECONDS)

    def completed(self, task_id: str, *, late: bool) -> bool:
        """Whether its events tell of its end; a task that fails, or is not done in time, is a failure of this route."""
        path = "/api/scaffolder/v2/tasks"
        with self.ask("GET", f"{path}/{task_id}/events", name=f"{path}/[id]/events") as answer:
            ends = [event["body"] for event in answer.json() if event["type"] == "completion"]
            if ends:
                assert ends[-1].get("status", "completed") == "completed", f"the task {ends[-1].get('status')}"
            assert ends or not late, f"not completed within {COMPLETED_SECONDS:.0f} s"
        return bool(ends)
