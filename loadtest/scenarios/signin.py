"""Signing in as a guest, time and again: what a morning looks like."""

from locust import task

from loadtest.scenarios.visitor import Visitor


class SignIn(Visitor):
    identity = "none"

    @task
    def guest(self) -> None:
        self.sign_in()
