"""The spec is read as the API server and the controller would complete it."""

import pytest

from loadtest.autoscaling.quantity import milli
from loadtest.autoscaling.spec import DEFAULT_DOWN, DEFAULT_UP, HpaSpec, Metric, Policy, UnsupportedAutoscaler
from tests.loadtest.autoscaling.objects import CONTROLLER, GUIDE, changed


def test_the_guides_autoscaler_reads_as_written() -> None:
    spec = HpaSpec.from_api(GUIDE)
    assert (spec.min_replicas, spec.max_replicas) == (3, 20)
    assert spec.metrics == (
        Metric(resource="cpu", target_percent=70),
        Metric(resource="memory", target_percent=80),
    )
    assert spec.behavior is not None
    assert spec.behavior.down.policies == (Policy(kind="Percent", value=10, period_seconds=60),)
    assert spec.behavior.down.select == "Max"
    assert spec.tolerances(CONTROLLER) == (0.1, 0.1)


def test_a_missing_minimum_is_one_and_missing_metrics_are_cpu_at_80_percent() -> None:
    spec = HpaSpec.from_api(changed(minReplicas=None, metrics=None))
    assert spec.min_replicas == 1
    assert spec.metrics == (Metric(resource="cpu", target_percent=80),)


def test_one_direction_given_fills_the_other_with_defaults() -> None:
    spec = HpaSpec.from_api(changed(behavior={"scaleUp": {"stabilizationWindowSeconds": 60}}))
    assert spec.behavior is not None
    assert spec.behavior.up.policies == DEFAULT_UP.policies
    assert spec.behavior.down == DEFAULT_DOWN
    assert spec.up_window_seconds() == 60
    assert spec.down_window_seconds(CONTROLLER) == 300


def test_a_window_of_zero_is_not_the_default() -> None:
    spec = HpaSpec.from_api(changed(behavior={"scaleDown": {"stabilizationWindowSeconds": 0}}))
    assert spec.down_window_seconds(CONTROLLER) == 0


def test_tolerance_is_a_field_of_each_direction() -> None:
    spec = HpaSpec.from_api(changed(behavior={"scaleUp": {"tolerance": "50m"}, "scaleDown": {"tolerance": "0"}}))
    assert spec.tolerances(CONTROLLER) == (0.0, 0.05)


def test_a_target_by_value_is_in_thousandths() -> None:
    target = {"type": "AverageValue", "averageValue": "1500m"}
    spec = HpaSpec.from_api(changed(metrics=[{"type": "Resource", "resource": {"name": "cpu", "target": target}}]))
    assert spec.metrics == (Metric(resource="cpu", target_milli=1500),)


def test_metrics_that_no_replay_can_know_are_refused_by_name() -> None:
    external = {
        "type": "External",
        "external": {"metric": {"name": "queue"}, "target": {"type": "Value", "value": "1"}},
    }
    with pytest.raises(UnsupportedAutoscaler, match=r"spec\.metrics\[0\]\.type = External"):
        HpaSpec.from_api(changed(metrics=[external]))


@pytest.mark.parametrize(
    ("quantity", "thousandths"),
    [
        ("250m", 250),
        ("2", 2000),
        ("1.5", 1500),
        ("12345n", 1),
        ("0", 0),
        ("1k", 10**6),
        ("1Ki", 1024000),
        ("1e3", 10**6),
    ],
)
def test_quantities_are_read_as_the_api_does(quantity: str, thousandths: int) -> None:
    assert milli(quantity) == thousandths


@pytest.mark.parametrize("quantity", ["", "m", "1x", "1 Gi", "KiB"])
def test_what_is_no_quantity_is_refused(quantity: str) -> None:
    with pytest.raises(ValueError, match="not a Kubernetes quantity"):
        milli(quantity)
