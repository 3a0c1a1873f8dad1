"""What workflows ask of the project: which stacks a change touches, and as whom a job acts on one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from portal.errors import PortalError
from portal.spec.clouds import Aws
from portal.spec.loader import Environments
from portal.spec.shared import IMAGES, OWN_IMAGES, PLANNER
from portal.synthesis import stack_names


@dataclass(frozen=True, kw_only=True)
class Login:
    """A role that a job may take, and the region it works in."""

    role_arn: str
    region: str


def affected(base: Path, head: Path) -> list[str]:
    """The stacks of `head` that `base` lacks or has otherwise: Terraform JSON, charts and all.

    Raises `PortalError` if one of the two folders holds no synthesized stack.
    """
    before = set(stack_names(base))
    return [name for name in stack_names(head) if name not in before or _files(base / name) != _files(head / name)]


def planned_stacks(environments: Environments) -> dict[str, Aws]:
    """The stacks that CI may plan and deploy, with their cloud's block. A person deploys what CI itself stands on."""
    return {f"{tier}-aws": environment.clouds.aws for tier, environment in environments.tiers.items()}


def aws_login(environments: Environments, *, stack: str, to: Literal["plan", "deploy"]) -> Login:
    """The role in the account of an AWS environment. Raises `PortalError` for a stack that CI may not touch."""
    stacks = planned_stacks(environments)
    if stack not in stacks:
        raise PortalError(
            f"No job may {to} {stack}: CI has identities for {', '.join(stacks)}. "
            "bootstrap-aws and shared-aws are deployed by a person."
        )
    aws = stacks[stack]
    role = PLANNER if to == "plan" else aws.cluster.deployer_role
    return Login(role_arn=f"arn:aws:iam::{aws.account}:role/{role}", region=aws.region)


@dataclass(frozen=True, kw_only=True)
class Push:
    """Where a job pushes an image to, and as whom."""

    login: Login
    repository: str


def image_push(environments: Environments, *, image: str) -> Push:
    """For an image that this repository builds. Raises `PortalError` for another."""
    if image not in OWN_IMAGES:
        raise PortalError(f"No job may push {image}: this repository builds {', '.join(OWN_IMAGES)}.")
    aws = environments.shared.clouds.aws
    return Push(
        login=Login(role_arn=f"arn:aws:iam::{aws.account}:role/{IMAGES}", region=aws.region),
        repository=f"{aws.account}.dkr.ecr.{aws.region}.amazonaws.com/{image}",
    )


def _files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}
