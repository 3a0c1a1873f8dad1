"""Who may deploy from where: what everything else trusts."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cdktf import App

from portal.aws.boundary import SERVICES, boundary_arn
from portal.spec.loader import Environments
from portal.stacks.bootstrap import AwsBootstrap
from tests.aws.policies import document
from tests.conftest import StackOf
from tests.synthesized import Resource, SynthesizedStack

ACCOUNTS = {"dev": "111111111111", "staging": "222222222222", "prod": "333333333333"}
GITHUB = {"dev": "development", "staging": "staging", "prod": "production"}
SHARED = "444444444444"


@pytest.fixture(scope="module")
def bootstrap(stack: StackOf) -> SynthesizedStack:
    return stack("bootstrap-aws")


def roles(bootstrap: SynthesizedStack, account: str) -> dict[str, Resource]:
    return {r["name"]: r for r in bootstrap.all("aws_iam_role") if account in r.address}


def rights(bootstrap: SynthesizedStack, role: Resource) -> Iterator[dict[str, Any]]:
    for policy in bootstrap.referring_to(role, "aws_iam_role_policy"):
        yield from document(policy["policy"])["Statement"]


@pytest.mark.parametrize("tier", ACCOUNTS)
def test_a_tier_is_deployed_only_from_its_own_github_environment(bootstrap: SynthesizedStack, tier: str) -> None:
    deploy = roles(bootstrap, ACCOUNTS[tier])["portal-deploy"]
    (statement,) = document(deploy["assume_role_policy"])["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": [f"repo:example-org/portal-platform:environment:{GITHUB[tier]}"],
        }
    }


def test_images_are_pushed_from_their_own_environment_to_our_own_repositories_and_nothing_else(
    bootstrap: SynthesizedStack, stack: StackOf
) -> None:
    made = roles(bootstrap, SHARED)
    assert set(made) == {"portal-images"}
    (statement,) = document(made["portal-images"]["assume_role_policy"])["Statement"]
    subjects = statement["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
    assert subjects == ["repo:example-org/portal-platform:environment:images"]
    logs_in, pushes = rights(bootstrap, made["portal-images"])
    assert logs_in["Action"] == ["ecr:GetAuthorizationToken"]
    assert {action.split(":")[0] for action in pushes["Action"]} == {"ecr"}
    assert not any("Delete" in action or "*" in action for action in pushes["Action"])
    (arn,) = pushes["Resource"]
    repositories = {each["name"] for each in stack("shared-aws").all("aws_ecr_repository")}
    assert arn.partition(":repository/")[2] in repositories
    assert arn.startswith(f"arn:aws:ecr:eu-west-1:{SHARED}:")


def test_plans_run_in_an_environment_of_their_own(bootstrap: SynthesizedStack) -> None:
    for account in ACCOUNTS.values():
        (statement,) = document(roles(bootstrap, account)["portal-plan"]["assume_role_policy"])["Statement"]
        subjects = statement["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
        assert subjects == ["repo:example-org/portal-platform:environment:plan"]


def test_the_deploying_role_has_the_name_that_the_clusters_know(
    bootstrap: SynthesizedStack, environments: Environments
) -> None:
    for environment in environments.tiers.values():
        cloud = environment.clouds.aws
        assert cloud.cluster.deployer_role in roles(bootstrap, cloud.account)


def test_roles_are_made_only_inside_the_boundary(bootstrap: SynthesizedStack) -> None:
    for account in ACCOUNTS.values():
        deploy = roles(bootstrap, account)["portal-deploy"]
        makes = [s for s in rights(bootstrap, deploy) if s["Effect"] == "Allow" and "iam:CreateRole" in s["Action"]]
        (statement,) = makes
        assert "iam:PermissionsBoundary" in statement["Condition"]["StringEquals"]
        assert "iam:PutRolePolicy" in statement["Action"]
        (boundary,) = (p for p in bootstrap.all("aws_iam_policy") if account in p.address)
        assert boundary_arn(account) == f"arn:aws:iam::{account}:policy/{boundary['name']}"


def test_a_deployer_cannot_widen_itself_the_boundary_or_who_is_trusted(bootstrap: SynthesizedStack) -> None:
    for account in ACCOUNTS.values():
        denied = [s for s in rights(bootstrap, roles(bootstrap, account)["portal-deploy"]) if s["Effect"] == "Deny"]
        own = next(s for s in denied if s["Sid"] == "NotItsOwnRights")
        assert set(own["Resource"]) == {
            f"arn:aws:iam::{account}:role/portal-deploy",
            f"arn:aws:iam::{account}:role/portal-plan",
            f"arn:aws:iam::{account}:oidc-provider/token.actions.githubusercontent.com",
        }
        assert own["NotAction"] == ["iam:Get*", "iam:List*"]
        actions = {action for s in denied for action in s.get("Action", [])}
        assert {"iam:CreatePolicyVersion", "iam:DeleteRolePermissionsBoundary", "s3:DeleteObjectVersion"} <= actions


def test_a_plan_reads_no_objects_but_state(bootstrap: SynthesizedStack) -> None:
    for account in ACCOUNTS.values():
        found = list(rights(bootstrap, roles(bootstrap, account)["portal-plan"]))
        (denied,) = (s for s in found if s["Effect"] == "Deny")
        assert "s3:GetObject" in denied["Action"]
        assert "_state" in denied["NotResource"]
        allowed = {action for s in found if s["Effect"] == "Allow" for action in s["Action"]}
        assert allowed == {"secretsmanager:GetSecretValue", "kms:Decrypt"}


def test_the_boundary_names_services_and_gives_no_rights_over_identities() -> None:
    assert not {"iam", "organizations", "account", "sts"} & set(SERVICES)


def test_before_its_bucket_exists_its_state_is_a_file(environments: Environments, tmp_path: Path) -> None:
    shared = environments.shared
    aws = shared.clouds.aws.model_copy(update={"state_in_bucket": False})
    first = environments.model_copy(
        update={"shared": shared.model_copy(update={"clouds": shared.clouds.model_copy(update={"aws": aws})})}
    )
    app = App(outdir=str(tmp_path))
    AwsBootstrap(app, "bootstrap-aws", environments=first)
    app.synth()
    backend = json.loads((tmp_path / "stacks" / "bootstrap-aws" / "cdk.tf.json").read_text())["terraform"]["backend"]
    assert backend == {"local": {"path": "../../../bootstrap-aws.tfstate"}}
