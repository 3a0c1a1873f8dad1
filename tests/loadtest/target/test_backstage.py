"""What the journeys take for granted of Backstage, asked of a real one."""

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loadtest.target.embedded import BACKEND, Target, running
from tools.cluster.processes import free_ports

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (BACKEND / "node_modules").is_dir(), reason="make target installs Backstage"),
]

ENTITIES = 300

Answer = tuple[int, Any]


def asked(url: str, path: str, token: str = "", body: Any = None) -> Answer:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    request = urllib.request.Request(url + path, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text[:1] in (b"{", b"[") else text
    except urllib.error.HTTPError as error:
        with error:
            return error.code, None
    except OSError:
        return 0, None


@pytest.fixture(scope="module")
def starting() -> list[int]:
    """What readiness answered while the target came up."""
    return []


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory, starting: list[int]) -> Iterator[Target]:
    (port,) = free_ports(1)

    def look() -> bool:
        starting.append(asked(f"http://127.0.0.1:{port}", "/.backstage/health/v1/readiness")[0])
        starting.append(asked(f"http://127.0.0.1:{port}", "/api/health/ready")[0])
        return False

    with running(tmp_path_factory.mktemp("target"), entities=ENTITIES, port=port, given_up=look) as target:
        yield target


PROTECTED: tuple[tuple[str, Any], ...] = (
    ("/api/catalog/entities/by-query?limit=1", None),
    ("/api/catalog/entities/by-refs", {"entityRefs": ["component:default/component-0001"]}),
    ("/api/catalog/entities/by-name/component/default/component-0001", None),
    ("/api/catalog/entity-facets?facet=kind&facet=spec.type", None),
    ("/api/search/query?term=component&types%5B0%5D=software-catalog&pageLimit=2", None),
    ("/api/scaffolder/v2/tasks", {"templateRef": "template:default/load-test", "values": {"name": "x"}}),
    ("/api/techdocs/metadata/entity/default/component/component-0001", None),
)


@pytest.mark.parametrize(("path", "body"), PROTECTED, ids=[path.split("?")[0] for path, _ in PROTECTED])
def test_what_is_asked_needs_a_token_and_a_good_one(target: Target, path: str, body: Any) -> None:
    assert asked(target.url, path, body=body)[0] == 401
    assert asked(target.url, path, token="x" * 32, body=body)[0] == 401
    # A task is made, which is another kind of success.
    assert asked(target.url, path, token=target.token, body=body)[0] == (201 if "scaffolder" in path else 200)


def test_it_is_not_ready_while_it_starts(target: Target, starting: list[int]) -> None:
    """Nothing listens, then 502 of the gateway or 503 of Backstage; a run that began at the first answer would fail."""
    assert target.token
    assert {0, 502, 503} & set(starting)
    assert 503 in starting
    assert asked(target.url, "/.backstage/health/v1/readiness")[0] == 200


def test_health_has_the_path_of_today(target: Target) -> None:
    assert asked(target.url, "/healthcheck", token=target.token)[0] == 404
    assert asked(target.url, "/.backstage/health/v1/liveness")[0] == 200


def test_a_guests_token_is_good_for_an_hour_and_asks_as_well(target: Target) -> None:
    status, answer = asked(target.url, "/api/auth/guest/refresh", body={})
    assert status == 200
    identity = answer["backstageIdentity"]
    head, claims, _ = (base64.urlsafe_b64decode(part + "==") for part in identity["token"].split("."))
    assert json.loads(head)["alg"] == "ES256"
    life = json.loads(claims)["exp"] - time.time()
    assert life == pytest.approx(identity["expiresInSeconds"], abs=30) == pytest.approx(3600, abs=30)
    assert asked(target.url, PROTECTED[0][0], token=identity["token"])[0] == 200


def test_search_finds_plain_words_and_takes_nothing_else_for_a_pattern(target: Target) -> None:
    def found(term: str) -> set[str]:
        path = f"/api/search/query?term={term}&types%5B0%5D=software-catalog&pageLimit=50"
        status, answer = asked(target.url, path, token=target.token)
        assert status == 200
        return {each["document"]["title"] for each in answer["results"]}

    assert "component-0007" in found("component-0007")
    assert "component-0007" not in found("%2Aonent-0007")


def test_pages_follow_one_another_by_their_cursor(target: Target) -> None:
    path = "/api/catalog/entities/by-query?limit=20&filter=kind=component&orderField=metadata.name,asc"
    _, first = asked(target.url, path, token=target.token)
    cursor = first["pageInfo"]["nextCursor"]
    _, second = asked(target.url, f"/api/catalog/entities/by-query?limit=20&cursor={cursor}", token=target.token)
    names = [item["metadata"]["name"] for page in (first, second) for item in page["items"]]
    assert names == sorted(set(names))
    assert len(names) == 40


def test_a_task_tells_of_its_completion(target: Target) -> None:
    body = {"templateRef": "template:default/load-test", "values": {"name": "x"}}
    _, made = asked(target.url, "/api/scaffolder/v2/tasks", token=target.token, body=body)
    deadline = time.monotonic() + 30
    while True:
        _, events = asked(target.url, f"/api/scaffolder/v2/tasks/{made['id']}/events", token=target.token)
        ends = [event["body"] for event in events if event["type"] == "completion"]
        if ends:
            break
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert ends[0].get("status", "completed") == "completed"


def test_the_log_of_a_target_has_no_token(target: Target) -> None:
    logs = {program.log for program in target.programs}
    assert not any(target.token in Path(log).read_text() for log in logs)
