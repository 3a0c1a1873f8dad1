"""Who may deploy from where, what jobs may do, and that a deploy cannot hide itself."""

from collections.abc import Iterator
from typing import Any

import pytest

from portal.aws.boundary import boundary_arn
from portal.aws.ci import may_not_blind_the_account
from portal.spec.loader import Environments
from tests.aws.policies import allows, document
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
    statement, people = document(deploy["assume_role_policy"])["Statement"]
    assert people["Condition"] == {
        "ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNTS[tier]}:role/OrganizationAccountAccessRole"}
    }
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
            f"arn:aws:iam::{account}:role/portal-config-recorder",
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


@pytest.mark.parametrize("tier", ACCOUNTS)
def test_a_plan_decrypts_what_a_refresh_reads(bootstrap: SynthesizedStack, stack: StackOf, tier: str) -> None:
    """Values of secrets, and settings of functions, come back only to who may use their key."""
    keys = {
        service
        for statement in rights(bootstrap, roles(bootstrap, ACCOUNTS[tier])["portal-plan"])
        if statement["Action"] == ["kms:Decrypt"]
        for service in statement.get("Condition", {}).get("StringLike", {}).get("kms:ViaService", [])
    }
    encrypted = stack(f"{tier}-aws")
    needed = {
        "lambda.*.amazonaws.com": [f for f in encrypted.all("aws_lambda_function") if f.get("kms_key_arn")],
        "secretsmanager.*.amazonaws.com": encrypted.all("aws_secretsmanager_secret_version"),
    }
    assert {service for service, resources in needed.items() if resources} <= keys


@pytest.mark.parametrize("tier", ACCOUNTS)
def test_a_plan_gets_into_the_cluster_by_the_role_that_it_takes(
    bootstrap: SynthesizedStack, stack: StackOf, tier: str
) -> None:
    plan = roles(bootstrap, ACCOUNTS[tier])["portal-plan"]
    entries = [entry["principal_arn"] for entry in stack(f"{tier}-aws").all("aws_eks_access_entry")]
    assert f"arn:aws:iam::{ACCOUNTS[tier]}:role/{plan['name']}" in entries


@pytest.mark.parametrize(
    "action",
    [
        "cloudtrail:StopLogging",
        "config:StopConfigurationRecorder",
        "guardduty:DeleteDetector",
        "guardduty:UpdateMalwareScanSettings",
        "securityhub:DisableSecurityHub",
        "ec2:DisableEbsEncryptionByDefault",
        "s3:PutAccountPublicAccessBlock",
    ],
)
def test_a_deploy_cannot_switch_off_what_watches_the_account(bootstrap: SynthesizedStack, action: str) -> None:
    """PowerUserAccess would let it."""
    held = list(rights(bootstrap, roles(bootstrap, ACCOUNTS["prod"])["portal-deploy"]))
    everything = {"Effect": "Allow", "Action": ["*"], "Resource": "*"}
    assert not allows([everything, *held], action)
    assert allows([everything, may_not_blind_the_account()], "s3:PutBucketPolicy"), "or it could build nothing"
