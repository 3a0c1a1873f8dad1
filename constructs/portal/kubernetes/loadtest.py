"""A load test in the cluster, when the data ask for one: outside the portal's namespace, and reached by nobody."""

from collections.abc import Sequence
from typing import Any, Final

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_kubernetes.config_map_v1 import ConfigMapV1, ConfigMapV1Metadata
from constructs import Construct

from portal.kubernetes import namespaces as ns
from portal.kubernetes import traffic
from portal.kubernetes.contract import LoadGenerators
from portal.kubernetes.installer import Installer
from portal.kubernetes.portal import FRONTEND, TOKEN_KEY, api_token_secret
from portal.kubernetes.release import OwnChart
from portal.spec.environment import KubernetesLayer
from portal.spec.workloads import LoadTest

CHART: Final = "loadtest"
WORKERS_PORT: Final = 5557
METRICS_PORT: Final = 9646
"""Of Locust's leader: for its workers, and for Prometheus."""
PROGRAM: Final = "load-test"
"""The one of portal.api_tokens whose token the test sends, where there is one."""


def install_log_settings(scope: Construct, install: Installer) -> tuple[ITerraformDependable, ...]:
    """How output of pods on machines of their own is kept. Read once, when such a pod starts, so it is there before.

    Source: EKS user guide, "Start Fargate logging for your cluster".
    """
    generators = install.services.load_generators
    if not generators:
        return ()
    settings = ConfigMapV1(
        scope,
        "aws-logging",
        metadata=ConfigMapV1Metadata(name="aws-logging", namespace=ns.FARGATE_LOGS),
        data=generators.log_settings,
        depends_on=list(install.namespaces.ready[ns.FARGATE_LOGS]),
    )
    return (settings, *generators.ready)


def install_load_test(install: Installer, *, after: Sequence[ITerraformDependable]) -> None:
    """Nothing where the data ask for none. The release is there as soon as the Jobs are, whatever they find: their exit
    code is the verdict, and a release that failed with it would take the Jobs away."""
    test = install.layer.load_test
    if not test:
        return
    install.release(
        "load-test",
        chart=OwnChart(name=CHART),
        namespace=ns.LOAD_TEST,
        values=values(test=test, layer=install.layer, generators=install.services.load_generators),
        # It reads the portal's autoscaler and token.
        after=[*install.namespaces.ready[ns.PORTAL], *after],
        waits=False,
    )


def values(*, test: LoadTest, layer: KubernetesLayer, generators: LoadGenerators | None) -> dict[str, Any]:
    """Values of chart loadtest: against the portal as people reach it."""
    token = {"namespace": ns.PORTAL, "secret": api_token_secret(PROGRAM), "key": TOKEN_KEY}
    return {
        "image": test.image.reference,
        "host": f"https://{layer.portal.domain}",
        "production": test.production,
        "workers": test.workers,
        "arguments": list(test.arguments),
        "keepReportSeconds": test.keep_report_seconds,
        "resources": test.resources.model_dump(),
        "token": token if PROGRAM in layer.portal.api_tokens else None,
        "autoscaler": {"namespace": ns.PORTAL, "hpa": FRONTEND, **followed} if (followed := _load(test)) else None,
        "network": {
            "dnsCidrs": list(traffic.RESOLVERS),
            "monitoringNamespace": ns.MONITORING,
            "ports": list(traffic.API_SERVER_PORTS),
            "securityGroup": generators.security_group if generators else None,
        },
    }


def _load(test: LoadTest) -> dict[str, Any]:
    """What the autoscaler must follow; empty where it is not watched."""
    if test.steps:
        return {"steps": [step.model_dump() for step in test.steps]}
    if test.calibration:
        return {"calibration": test.calibration.model_dump(mode="json", exclude_none=True)}
    return {}
