"""What the admission policies look at, where they hold, and what they say.

Their expressions run in an API server only; here is asserted what a reading of them can show.
"""

import json
import re
from functools import cache
from typing import Any

import pytest

from tests.charts.rendering import Object, Rendered, changed, conforms, example, render

POLICIES = ("portal-memory-limits", "portal-no-host-paths", "portal-pinned-images", "portal-trusted-images")

each_policy = pytest.mark.parametrize("policy", POLICIES)


@cache
def policies(size: str) -> Rendered:
    return render("cluster-policies", example("cluster-policies", size))


def spec(policy: str, size: str = "prod") -> dict[str, Any]:
    found: dict[str, Any] = policies(size).one("ValidatingAdmissionPolicy", policy)["spec"]
    return found


def binding(policy: str, size: str = "prod") -> dict[str, Any]:
    found: dict[str, Any] = policies(size).one("ValidatingAdmissionPolicyBinding", policy)["spec"]
    return found


def namespaces(policy: str, size: str = "prod") -> list[str]:
    """Where a policy holds."""
    (expression,) = binding(policy, size)["matchResources"]["namespaceSelector"]["matchExpressions"]
    assert (expression["key"], expression["operator"]) == ("kubernetes.io/metadata.name", "In")
    values: list[str] = expression["values"]
    return values


def variables(policy: str) -> dict[str, str]:
    return {variable["name"]: variable["expression"] for variable in spec(policy)["variables"]}


def test_no_policy_is_without_effect() -> None:
    for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"):
        assert sorted(object["metadata"]["name"] for object in policies("prod").all(kind)) == list(POLICIES)
    for policy in POLICIES:
        assert binding(policy)["policyName"] == policy
        assert spec(policy)["failurePolicy"] == "Fail"


@each_policy
def test_production_denies_and_development_warns_and_both_are_audited(policy: str) -> None:
    assert binding(policy, "prod")["validationActions"] == ["Deny", "Audit"]
    assert binding(policy, "dev")["validationActions"] == ["Warn", "Audit"]


@each_policy
def test_no_policy_holds_in_a_namespace_that_is_not_ours(policy: str) -> None:
    assert set(namespaces(policy)) <= set(example("cluster-policies", "prod")["namespaces"])


def test_rules_hold_in_every_namespace_but_for_the_exceptions_that_are_named() -> None:
    ours = example("cluster-policies", "prod")["namespaces"]
    assert namespaces("portal-pinned-images") == namespaces("portal-memory-limits") == ours
    assert sorted({*ours} - {*namespaces("portal-no-host-paths")}) == ["node-agents"]
    assert namespaces("portal-no-host-paths", "dev") == example("cluster-policies", "dev")["namespaces"]
    assert namespaces("portal-trusted-images") == ["developer-portal"]


@each_policy
def test_pods_and_everything_with_a_template_of_pods_are_looked_at_when_made_and_when_changed(policy: str) -> None:
    rules = spec(policy)["matchConstraints"]["resourceRules"]
    seen = {f"{group}/{resource}" for rule in rules for group in rule["apiGroups"] for resource in rule["resources"]}
    assert {
        "/pods",
        "/pods/ephemeralcontainers",
        "apps/deployments",
        "apps/statefulsets",
        "apps/daemonsets",
        "batch/jobs",
        "batch/cronjobs",
    } <= seen
    assert all(rule["operations"] == ["CREATE", "UPDATE"] for rule in rules)


@each_policy
def test_what_is_being_deleted_is_left_alone(policy: str) -> None:
    assert [condition["expression"] for condition in spec(policy)["matchConditions"]] == [
        "!has(object.metadata.deletionTimestamp)"
    ]


@each_policy
def test_variables_are_defined_before_they_are_used_and_each_is_used(policy: str) -> None:
    """The API server evaluates them in order and refuses a policy that names one it does not know yet."""
    known: set[str] = set()
    used: set[str] = set()
    for name, expression in variables(policy).items():
        needed = set(re.findall(r"variables\.(\w+)", expression))
        assert needed <= known, name
        known.add(name)
        used |= needed
    for validation in spec(policy)["validations"]:
        for text in (validation["expression"], validation["messageExpression"]):
            needed = set(re.findall(r"variables\.(\w+)", text))
            assert needed <= known
            used |= needed
    assert known - used <= {"images", "containers"}


@each_policy
def test_a_refusal_names_what_is_wrong(policy: str) -> None:
    for validation in spec(policy)["validations"]:
        (counted,) = re.findall(r"variables\.(\w+)\.size\(\) == 0", validation["expression"])
        assert f"variables.{counted}.join(" in validation["messageExpression"]


@pytest.mark.parametrize("text", ["initContainers", "ephemeralContainers"])
def test_images_of_every_sort_of_container_are_looked_at(text: str) -> None:
    found = variables("portal-pinned-images")
    optional = f"(has(variables.spec.{text}) ? variables.spec.{text} : [])"
    assert optional in found["containers"] + found["images"]
    assert found["containers"].startswith("variables.spec.containers")


def expression_matches(policy: str, variable: str, number: int) -> re.Pattern[str]:
    """The regular expression of the nth `matches` of a variable."""
    return re.compile(re.findall(r"matches\('([^']+)'\)", variables(policy)[variable])[number])


def test_digests_and_tags_are_told_from_ports() -> None:
    digest = expression_matches("portal-pinned-images", "moving", 0)
    tag = expression_matches("portal-pinned-images", "moving", 1)
    assert digest.search(f"registry.example.com/portal/backend@sha256:{'a' * 64}")
    assert not digest.search("registry.example.com/portal/backend@sha256:aaaa")
    assert tag.search("quay.io/opstree/redis:v8.6.2")
    assert not tag.search("registry.example.com:5000/portal/backend")
    assert not tag.search("busybox")


def test_registries_are_those_of_the_values_as_literals_of_the_expression_language() -> None:
    values = example("cluster-policies", "prod")["images"]
    assert json.loads(variables("portal-trusted-images")["byDigest"]) == values["byDigest"]
    assert json.loads(variables("portal-trusted-images")["trusted"]) == values["trusted"]


def test_without_other_publishers_only_the_portals_own_images_run() -> None:
    values = changed(example("cluster-policies", "prod"), "images.trusted", [])
    rendered = render("cluster-policies", values)
    (trusted,) = [
        variable["expression"]
        for variable in rendered.one("ValidatingAdmissionPolicy", "portal-trusted-images")["spec"]["variables"]
        if variable["name"] == "trusted"
    ]
    assert trusted == "[]"
    assert all(finding["status"] == "statusValid" for finding in conforms(rendered.text))


def test_priorities_are_the_values_and_none_is_the_default_of_the_cluster() -> None:
    classes: list[Object] = policies("prod").all("PriorityClass")
    wanted = example("cluster-policies", "prod")["priorities"]
    assert {c["metadata"]["name"]: c["value"] for c in classes} == {p["name"]: p["value"] for p in wanted}
    assert not any(c.get("globalDefault") for c in classes)
