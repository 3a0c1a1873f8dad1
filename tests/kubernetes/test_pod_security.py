"""The checker of Pod Security level `restricted`: each rule refuses what it is there for."""

from typing import Any

import pytest

from tests.kubernetes.pod_security import violations

CONTAINER: dict[str, Any] = {
    "name": "app",
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
}
POD: dict[str, Any] = {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}}


def pod(context: dict[str, Any] | None = None, *, container: dict[str, Any] | None = None, **fields: Any) -> Any:
    one = {**CONTAINER, **(container or {}), "securityContext": {**CONTAINER["securityContext"], **(context or {})}}
    return {**POD, "containers": [one], **fields}


def test_the_least_that_is_asked_is_admitted() -> None:
    assert violations(pod()) == []


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (pod({"privileged": True}), "privileged"),
        (pod({"allowPrivilegeEscalation": None}), "allowPrivilegeEscalation"),
        (pod({"capabilities": {"drop": ["NET_RAW"]}}), "does not drop ALL"),
        (pod({"capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]}}), "adds capabilities"),
        (pod({"runAsNonRoot": False}), "runAsNonRoot"),
        (pod({"runAsUser": 0}), "root"),
        (pod({"seccompProfile": {"type": "Unconfined"}}), "seccomp"),
        (pod({"procMount": "Unmasked"}), "procMount"),
        (pod(securityContext={"runAsNonRoot": True}), "seccomp"),
        (pod(container={"ports": [{"containerPort": 80, "hostPort": 80}]}), "hostPort"),
        (pod(hostNetwork=True), "hostNetwork"),
        (pod(volumes=[{"name": "host", "hostPath": {"path": "/"}}]), "volume host"),
        (pod(securityContext={**POD["securityContext"], "sysctls": [{"name": "kernel.msgmax"}]}), "sysctl"),
        (pod(initContainers=[{"name": "first"}]), "first"),
    ],
)
def test_what_breaks_a_rule_is_refused(refused: Any, words: str) -> None:
    assert any(words in line for line in violations(refused))


def test_a_web_server_may_bind_a_low_port() -> None:
    assert violations(pod({"capabilities": {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}})) == []
    sysctls = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
    assert violations(pod(securityContext={**POD["securityContext"], "sysctls": sysctls})) == []
