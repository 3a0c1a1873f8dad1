"""The backend grows with its work, within the guide's bounds, and never against a horizontal autoscaler."""

from typing import Any

import pytest

from tests.charts.rendering import Rendered, changed, example, render


def vertical(rendered: Rendered) -> dict[str, Any]:
    spec: dict[str, Any] = rendered.one("VerticalPodAutoscaler")["spec"]
    return spec


def portal(**replicas: int) -> Rendered:
    return render("portal", changed(example("portal", "prod"), "backend.replicas", replicas))


def test_bounds_are_the_guides_for_the_backends_container() -> None:
    rendered = portal(min=6, max=6)
    policy, _ = vertical(rendered)["resourcePolicy"]["containerPolicies"]
    assert policy["minAllowed"] == {"cpu": "500m", "memory": "1Gi"}
    assert policy["maxAllowed"] == {"cpu": "4", "memory": "8Gi"}
    deployment = rendered.one("Deployment", "backstage-backend")
    names = [container["name"] for container in deployment["spec"]["template"]["spec"]["containers"]]
    assert policy["containerName"] in names
    assert vertical(rendered)["targetRef"]["name"] == "backstage-backend"


def test_it_moves_what_the_backend_asks_for_and_neither_its_limits_nor_another_container() -> None:
    """Node.js reads the bound of its heap once: under a limit that shrank it would be killed before it collects."""
    rendered = portal(min=6, max=6)
    backend, others = vertical(rendered)["resourcePolicy"]["containerPolicies"]
    assert backend["controlledValues"] == "RequestsOnly"
    assert others == {"containerName": "*", "mode": "Off"}


@pytest.mark.parametrize(("most", "mode"), [(6, "InPlaceOrRecreate"), (12, "Off")])
def test_beside_a_horizontal_autoscaler_it_only_recommends(most: int, mode: str) -> None:
    """Both act on CPU and memory: each would undo what the other does."""
    rendered = portal(min=6, max=most)
    scaled = {hpa["spec"]["scaleTargetRef"]["name"] for hpa in rendered.all("HorizontalPodAutoscaler")}
    assert ("backstage-backend" in scaled) is (mode == "Off")
    assert vertical(rendered)["updatePolicy"]["updateMode"] == mode
