"""Browsing the catalog: a list page by page, its filters, one entity, and those it refers to."""

from urllib.parse import quote

from locust import task

from loadtest.scenarios.visitor import Visitor

PAGE = 20


class BrowseCatalog(Visitor):
    @task(4)
    def list_two_pages(self) -> None:
        path = f"/api/catalog/entities/by-query?limit={PAGE}"
        name = "/api/catalog/entities/by-query"
        first = f"{path}&filter=kind=component,spec.type=service&orderField=metadata.name,asc"
        with self.ask("GET", first, name=name) as answer:
            page = answer.json()
            seen = [item["metadata"]["name"] for item in page["items"]]
            assert {item["kind"] for item in page["items"]} == {"Component"}, "other kinds than asked for"
            assert seen == sorted(seen), "not in the order asked for"
            assert len(seen) == min(PAGE, page["totalItems"]), "fewer than there are"
            cursor = page["pageInfo"].get("nextCursor")
        if cursor:
            with self.ask("GET", f"{path}&cursor={quote(cursor)}", name=f"{name} (next page)") as answer:
                following = [item["metadata"]["name"] for item in answer.json()["items"]]
                assert following, "an empty page behind a cursor"
                assert not set(following) & set(seen), "entities of the page before"

    @task(2)
    def filters(self) -> None:
        path = "/api/catalog/entity-facets"
        with self.ask("GET", f"{path}?facet=kind&facet=spec.type", name=path) as answer:
            facets = answer.json()["facets"]
            assert any(each["value"] == "Component" and each["count"] > 0 for each in facets["kind"]), "no components"

    @task(4)
    def one_entity(self) -> None:
        wanted = self.components().draw()
        path = "/api/catalog/entities/by-name/component/default"
        with self.ask("GET", f"{path}/{wanted}", name=f"{path}/[name]") as answer:
            entity = answer.json()
            assert entity["metadata"]["name"] == wanted, "another entity"

    @task(2)
    def those_it_refers_to(self) -> None:
        wanted = self.components().several(10)
        body = {"entityRefs": [f"component:default/{name}" for name in wanted], "fields": ["metadata.name"]}
        path = "/api/catalog/entities/by-refs"
        with self.ask("POST", path, name=path, json=body) as answer:
            assert [item["metadata"]["name"] for item in answer.json()["items"]] == wanted, (
                "others, or in another order"
            )


class BrowseCatalogAsGuest(BrowseCatalog):
    identity = "guest"
