"""What has to be there before a stack is deployed, and how a person sees that it is."""

from collections.abc import Iterator
from dataclasses import dataclass

from portal.naming import Kind, Naming
from portal.preflight.stack import AwsStack
from portal.spec.environment import Environment, KubernetesLayer
from portal.spec.loader import Environments


@dataclass(frozen=True, kw_only=True)
class Prerequisite:
    """A thing that only a look at the world can confirm. `check`: the command that takes this look, or who knows."""

    what: str
    check: str


def of_environment(stack: AwsStack, environment: Environment) -> Iterator[Prerequisite]:
    """Before the stack of a tier: bootstrap-aws and shared-aws, images, secrets, and a way to the API."""
    cloud = environment.clouds.aws
    yield from _state(stack)
    yield Prerequisite(
        what=f"bootstrap-aws has made role {cloud.cluster.deployer_role}, with which you are logged in",
        check="aws sts get-caller-identity",
    )
    for boundary in sorted({role.body["permissions_boundary"] for role in stack.all("aws_iam_role")}):
        yield Prerequisite(
            what="bootstrap-aws has made the boundary of all roles",
            check=f"aws iam get-policy --policy-arn {boundary}",
        )
    for zone in stack.document.get("data", {}).get("aws_route53_zone", {}).values():
        yield Prerequisite(
            what=f"shared-aws has made the public zone {zone['name']}, and the zone above it delegates to it",
            check=f"dig +short NS {zone['name']}",
        )
    yield from _images(environment)
    naming = Naming(scope=environment.tier, owner=cloud.account)
    receiver = environment.monitoring.receiver
    for secret in dict.fromkeys((*environment.portal.secrets, *([receiver.secret] if receiver else ()))):
        name = naming.name(Kind.AWS_NAME, secret)
        yield Prerequisite(
            what=f"secret {name} is written (docs/runbooks/write-secret.md)",
            check=f"aws secretsmanager describe-secret --secret-id {name} --region {cloud.region}",
        )
    yield from _ways_to_the_api(stack)


def of_shared(stack: AwsStack, environments: Environments) -> Iterator[Prerequisite]:
    """Before bootstrap-aws and shared-aws: the login of a person, and where the state is kept."""
    yield from _state(stack)
    shared = environments.shared.clouds.aws
    yield Prerequisite(
        what=f"you are logged in to account {shared.account} as an administrator",
        check="aws sts get-caller-identity",
    )
    for provider in stack.document["provider"]["aws"]:
        for role in provider.get("assume_role", ()):
            arn = role["role_arn"]
            yield Prerequisite(
                what=f"that login may assume {arn}",
                check=f"aws sts assume-role --role-arn {arn} --role-session-name look --query AssumedRoleUser",
            )


def _state(stack: AwsStack) -> Iterator[Prerequisite]:
    store = stack.document["terraform"]["backend"].get("s3")
    if store:
        yield Prerequisite(
            what=f"bootstrap-aws has made state bucket {store['bucket']}",
            check=f"aws s3api head-bucket --bucket {store['bucket']} --region {store['region']}",
        )


def _images(layer: KubernetesLayer) -> Iterator[Prerequisite]:
    tests = [layer.load_test.image] if layer.load_test else []
    for image in (layer.portal.frontend.image, layer.portal.backend.image, *tests):
        yield Prerequisite(
            what=f"image {image.repository} is pushed with the digest of the data",
            check=f"docker manifest inspect {image.reference}",
        )


def _ways_to_the_api(stack: AwsStack) -> Iterator[Prerequisite]:
    """The releases are installed by whoever deploys, so the API must answer there."""
    for cluster in stack.all("aws_eks_cluster"):
        config = cluster.body["vpc_config"]
        if config["endpoint_public_access"]:
            networks = ", ".join(config["public_access_cidrs"])
            yield Prerequisite(
                what=f"your address, or the runner's, is in {networks}: nobody else reaches the cluster's API",
                check="curl -s https://checkip.amazonaws.com",
            )
        else:
            yield Prerequisite(
                what="the deploy runs inside the network: the cluster's API has no public address",
                check="the runner's own network: it is the VPC, or one that is routed to it",
            )
