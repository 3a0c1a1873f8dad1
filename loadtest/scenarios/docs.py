"""Opening the documentation of a component: what the page asks for first."""

from locust import task

from loadtest.scenarios.visitor import Visitor


class ReadDocs(Visitor):
    @task
    def metadata(self) -> None:
        wanted = self.components().draw()
        path = "/api/techdocs/metadata/entity/default/component"
        with self.ask("GET", f"{path}/{wanted}", name=f"{path}/[name]") as answer:
            assert answer.json()["metadata"]["name"] == wanted, "of another entity"
