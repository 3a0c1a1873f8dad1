"""A sampler whose token ends in the run, with the rights that the load test's chart gives it and no others."""

import json
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from loadtest.autoscaling.findings import Hold
from tests.charts.rendering import changed, example, render
from tests.cluster.conftest import needs_programs
from tests.cluster.scenes import CALIBRATION, FLAGS, Scene, Stage, holds, measured, play
from tools.cluster import metrics
from tools.cluster.controlplane import ControlPlane

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

ACCOUNT = "loadtest-master"
IDLE_SECONDS = 45.0
ENDS_AT_SECONDS = 12.0
RENEWED_AFTER_SECONDS = 5.0
"""Several readings, and less than what makes a run invalid."""


class Guest(Stage):
    """Whose sampler is an account of the load test's chart."""

    def enter(self, *, renewed: bool) -> None:
        """`renewed`: its token is replaced some time after it stopped working."""
        self.renewed, self.ended_at, self.renewed_at = renewed, 0.0, 0.0
        values = changed(example("loadtest", "prod"), "autoscaler.namespace", self.namespace)
        made = render("loadtest", values)
        self.account = made.one("ServiceAccount", ACCOUNT)
        binding = made.one("RoleBinding", "loadtest")
        # The chart's release is in a namespace of its own; here there is one for each of two.
        binding["subjects"][0]["namespace"] = self.namespace
        self.accounts = f"/api/v1/namespaces/{self.namespace}/serviceaccounts"
        self.cluster.request("POST", self.accounts, self.account)
        rights = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{self.namespace}"
        self.cluster.request("POST", f"{rights}/roles", made.one("Role", "loadtest"))
        self.cluster.request("POST", f"{rights}/rolebindings", binding)
        self.token = self.out.with_suffix(".token")
        self.kubeconfig = self.out.with_suffix(".kubeconfig")
        config = json.loads(self.cluster.kubeconfig.read_text())
        config["users"][0]["user"] = {"tokenFile": str(self.token)}
        self.kubeconfig.write_text(json.dumps(config))
        self._write_token()

    def _write_token(self) -> None:
        wanted = {"spec": {"expirationSeconds": 3600}}
        asked = self.cluster.request("POST", f"{self.accounts}/{ACCOUNT}/token", wanted)
        self.token.write_text(asked["status"]["token"])

    def set_up(self) -> None:
        super().set_up()
        self.enter(renewed=self.scene.name == "renewed")

    def act(self) -> None:
        now = time.time() - self.started
        if not self.ended_at and now > ENDS_AT_SECONDS:
            # With a new identity under the old name its rights stay, and what was signed for the old one is worthless.
            self.cluster.request("DELETE", f"{self.accounts}/{ACCOUNT}")
            self.cluster.request("POST", self.accounts, self.account)
            self.cluster.wait(self._refused, "refusal of the old token")
            self.ended_at = time.time() - self.started
        elif self.renewed and self.ended_at and not self.renewed_at and now > self.ended_at + RENEWED_AFTER_SECONDS:
            self._write_token()
            self.renewed_at = time.time() - self.started

    def _refused(self) -> bool:
        address = f"{self.cluster.server}/api/v1/namespaces/{self.namespace}/pods"
        request = urllib.request.Request(address, headers={"Authorization": f"Bearer {self.token.read_text()}"})
        tls = ssl.create_default_context(cafile=str(self.cluster.certificates.authority))
        try:
            urllib.request.urlopen(request, context=tls).close()
        except urllib.error.HTTPError as error:
            return error.code == 401
        return False


def test_a_token_that_ends_is_a_gap_and_for_good_an_invalid_run(tmp_path: Path) -> None:
    needs_programs()
    # Time to stop and go on before anything is to happen.
    climb = holds(CALIBRATION, warm_up_seconds=IDLE_SECONDS)[0]
    planned = (Hold(start_seconds=0, end_seconds=IDLE_SECONDS, rate_rps=0, replicas=3), climb)
    with ControlPlane(controller_manager=FLAGS) as cluster:
        stages = [Guest(cluster, Scene(name=name), planned, tmp_path) for name in ("renewed", "lost")]
        with metrics.served(cluster, measured(stages)):
            play(stages)
    renewed, lost = (stage.record for stage in stages)
    assert stages[0].findings() == ()
    (gap,) = renewed.gaps
    assert gap.start <= stages[0].ended_at
    assert stages[0].renewed_at - 1 <= gap.end <= stages[0].renewed_at + 5
    assert "401" in gap.reason
    finding, *_ = stages[1].findings()
    assert (finding.kind, finding.rule) == ("invalid_run", "samples")
    assert "401" in finding.text
    assert "missing for 8" in finding.text
    assert lost.samples[-1].at < stages[1].ended_at + 1
