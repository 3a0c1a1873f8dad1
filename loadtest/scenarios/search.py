"""Searching by a word that a visitor knows: the name of a component."""

from locust import task

from loadtest.scenarios.visitor import Visitor


class Search(Visitor):
    @task
    def by_name(self) -> None:
        wanted = self.components().draw()
        path = "/api/search/query"
        with self.ask("GET", f"{path}?term={wanted}&types%5B0%5D=software-catalog&pageLimit=10", name=path) as answer:
            titles = [result["document"]["title"] for result in answer.json()["results"]]
            assert wanted in titles, "what was looked for is not among the results"
