"""Pods that hold room and give it up at once."""

from typing import Any

from portal.kubernetes.priorities import HEADROOM, PRIORITIES
from portal.spec.loader import Environments
from tests.charts.rendering import Rendered, example, render
from tests.conftest import StackOf


def headroom() -> Rendered:
    return render("headroom", example("headroom", "prod"))


def pod() -> dict[str, Any]:
    spec: dict[str, Any] = headroom().one("Deployment")["spec"]["template"]["spec"]
    return spec


def test_everything_else_comes_before_it_and_the_autoscaler_still_sees_it() -> None:
    """Pods below -10 are passed over by the cluster autoscaler: no node would come for them."""
    value, _ = PRIORITIES[HEADROOM]
    assert -10 <= value < 0
    assert value < min(other for name, (other, _) in PRIORITIES.items() if name != HEADROOM)
    assert pod()["priorityClassName"] == HEADROOM


def test_it_leaves_without_a_word() -> None:
    assert pod()["terminationGracePeriodSeconds"] == 0
    assert headroom().all("PodDisruptionBudget") == []


def test_it_holds_what_the_data_say_where_the_portal_runs(stack: StackOf, environments: Environments) -> None:
    asked = environments.tiers["prod"].headroom
    assert asked is not None
    for name in ("prod-aws", "prod-gcp", "prod-azure"):
        values = stack(name).values("headroom")
        assert (values["pods"], values["resources"]) == (asked.pods, asked.resources.model_dump())
        assert values["nodeSelector"] == stack(name).values("portal")["nodeSelector"]


def test_a_pod_of_the_frontend_fits_into_the_place_of_one(environments: Environments) -> None:
    prod = environments.tiers["prod"]
    assert prod.headroom is not None
    assert prod.headroom.resources == prod.portal.frontend.resources


def test_where_the_data_ask_for_none_there_is_none(stack: StackOf) -> None:
    assert "headroom" not in stack("staging-aws").releases
