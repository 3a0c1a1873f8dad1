"""The load test in a cluster: there when the data ask for it, and only then."""

from pathlib import Path
from typing import Any

import pytest

from portal.kubernetes.loadtest import values
from portal.spec.loader import Environments
from portal.spec.versions import Versions
from portal.spec.workloads import Calibration, LoadStep, LoadTest, Resources
from tests.charts.rendering import render
from tests.conftest import StackOf
from tests.kubernetes.rendered import namespaces, placed
from tests.kubernetes.test_release import EVERY_STACK
from tests.synthesized import SynthesizedStack, synthesized, with_tier


def staging_with(test: LoadTest, environments: Environments, versions: Versions, outdir: Path) -> SynthesizedStack:
    """staging-aws with that load test."""
    staging = environments.tiers["staging"].model_copy(update={"load_test": test})
    return synthesized("staging-aws", with_tier(environments, staging), versions, outdir)


@pytest.fixture(scope="module")
def asked(environments: Environments, versions: Versions, tmp_path_factory: pytest.TempPathFactory) -> SynthesizedStack:
    test = LoadTest(
        image=environments.tiers["staging"].portal.frontend.image,
        workers=3,
        resources=Resources(cpu="1", memory="1Gi"),
        arguments=("--arrivals", "constant"),
        steps=(LoadStep(replicas=4, rate_rps=40, hold_seconds=300),),
        keep_report_seconds=3600,
    )
    return staging_with(test, environments, versions, tmp_path_factory.mktemp("load-test"))


@pytest.mark.parametrize("name", EVERY_STACK)
def test_nothing_of_it_is_there_unasked(stack: StackOf, name: str) -> None:
    assert "loadtest" not in stack(name).releases
    assert "loadtest" not in namespaces(stack(name))


def test_it_runs_in_a_namespace_of_its_own_which_denies_by_default(asked: SynthesizedStack) -> None:
    release = asked.releases["loadtest"]
    assert namespaces(asked)["loadtest"]["pod-security.kubernetes.io/enforce"] == "restricted"
    assert "kubernetes_network_policy_v1.platform_namespaces_loadtest-default-deny" in asked.comes_after(release)


def test_a_run_that_fails_stays_to_be_looked_at(asked: SynthesizedStack) -> None:
    release = asked.releases["loadtest"]
    assert (release["wait"], release["wait_for_jobs"], release["atomic"]) == (False, False, False)


def test_it_loads_the_portal_as_people_reach_it_watches_its_autoscaler_and_has_its_own_token(
    asked: SynthesizedStack, environments: Environments
) -> None:
    values = asked.values("loadtest")
    assert values["keepReportSeconds"] == 3600
    assert values["host"] == f"https://{environments.tiers['staging'].portal.domain}"
    assert values["production"] is True, "until the data deny it"
    scaler = values["autoscaler"]
    made = {(each.namespace, each.name) for each in placed(asked, "HorizontalPodAutoscaler")}
    assert (scaler["namespace"], scaler["hpa"]) in made
    generated = {(s["namespace"], s["name"], s["passwordKey"]) for s in asked.values("credentials")["secrets"]}
    token = values["token"]
    assert (token["namespace"], token["secret"], token["key"]) in generated


@pytest.mark.parametrize(
    ("calibration", "passed"),
    [
        (Calibration(rate_rps=5), {"rate_rps": 5}),
        (
            Calibration(rate_rps=5, climb=(6, 12), hold_seconds=200),
            {"rate_rps": 5, "climb": [6, 12], "hold_seconds": 200},
        ),
        (Calibration(config_map="a-report"), {"config_map": "a-report"}),
    ],
)
def test_steps_that_are_worked_out_pass_what_they_are_worked_out_from(
    environments: Environments, calibration: Calibration, passed: dict[str, Any]
) -> None:
    staging = environments.tiers["staging"]
    image, resources = staging.portal.frontend.image, Resources(cpu="1", memory="1Gi")
    test = LoadTest(image=image, workers=3, resources=resources, calibration=calibration)
    made = values(test=test, layer=staging, generators=None)
    assert made["autoscaler"] == {"namespace": "developer-portal", "hpa": "portal-frontend", "calibration": passed}
    rendered = render("loadtest", made)
    assert len(rendered.all("Job")) == 2


def test_it_comes_after_the_portal(asked: SynthesizedStack) -> None:
    assert asked.releases["portal"].address in asked.comes_after(asked.releases["loadtest"])
