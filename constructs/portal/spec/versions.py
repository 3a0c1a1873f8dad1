"""What the platform is built from, and at which version: `versions.yaml` as types."""

from pathlib import Path
from typing import Annotated, Literal, Self, get_args

from pydantic import Field, model_validator

from portal.spec.loader import load
from portal.spec.types import Digest, Repository, Spec


class KubernetesVersion(Spec):
    """The minor version that every cluster runs."""

    version: str = Field(pattern=r"^1\.\d{2}$", examples=["1.34"])
    reason: str


AddonName = Literal[
    "aws-ebs-csi-driver",
    "aws-efs-csi-driver",
    "coredns",
    "eks-pod-identity-agent",
    "kube-proxy",
    "metrics-server",
    "snapshot-controller",
    "vpc-cni",
]
"""Addons of EKS that a cluster has."""


AddonBuild = Annotated[str, Field(pattern=r"^v\d+\.\d+\.\d+-eksbuild\.\d+$", examples=["v1.34.0-eksbuild.1"])]


class EksAddons(Spec):
    """The builds of EKS's addons."""

    versions: dict[AddonName, AddonBuild]
    reason: str


class AwsServices(Spec):
    """Engines and runtimes of services of AWS."""

    postgresql: str = Field(pattern=r"^\d+$", examples=["18"])
    valkey: str = Field(pattern=r"^\d+\.\d+$", examples=["8.1"])
    functions: str = Field(pattern=r"^python3\.\d+$", examples=["python3.13"])
    reason: str


class OperandImage(Spec):
    """An image that an operator starts for us. A third party's, so a tag may stand where its digest is not known."""

    repository: Repository
    tag: str = Field(pattern=r"^[\w][\w.-]{0,127}$", examples=["v1.2.3"])
    digest: Digest | None = None
    reason: str

    @property
    def reference(self) -> str:
        """`repository:tag`, with `@digest` where there is one."""
        return f"{self.repository}:{self.tag}" + (f"@{self.digest}" if self.digest else "")


class Chart(Spec):
    """A third-party Helm chart."""

    repository: str = Field(pattern=r"^(https|oci)://\S+$", examples=["https://charts.example.com"])
    version: str = Field(pattern=r"^v?\d+\.\d+\.\d+$", examples=["1.2.3"])
    reason: str


Mirror = Annotated[str, Field(pattern=r"^(https?|oci)://\S+$", examples=["oci://registry.example.com/charts"])]


class Charts(Spec):
    """The third-party charts, and where to take all of them from instead of their own repositories."""

    mirror: Mirror | None = Field(description="HTTP chart repository or OCI registry path; null: none.")
    releases: dict[str, Chart]

    def repository_of(self, name: str) -> str:
        """Where Terraform downloads chart `name` from: it does so already when it plans."""
        return self.mirror or self.releases[name].repository


class Versions(Spec):
    """Everything that has a version and is not a Python or Node package."""

    kubernetes: KubernetesVersion
    eks_addons: EksAddons
    aws_services: AwsServices
    images: dict[str, OperandImage]
    charts: Charts

    @model_validator(mode="after")
    def _addons_belong_to_the_cluster(self) -> Self:
        """kube-proxy may not be newer than the API server, and EKS names its builds after both."""
        addons, version = self.eks_addons.versions, self.kubernetes.version
        if missing := set(get_args(AddonName)) - set(addons):
            raise ValueError(f"eks_addons.versions lacks {', '.join(sorted(missing))}")
        if not addons["kube-proxy"].startswith(f"v{version}."):
            raise ValueError(f"eks_addons.versions.kube-proxy must be of Kubernetes {version}, as the cluster is")
        return self

    @model_validator(mode="after")
    def _what_belongs_together_has_one_version(self) -> Self:
        """A store can move into the service and out of it; an autoscaler counts as its version's scheduler does."""
        major = self.aws_services.postgresql
        if not self.images["postgresql"].tag.startswith(f"{major}."):
            raise ValueError(f"images.postgresql.tag must be of {major}, as aws_services.postgresql is")
        version = self.kubernetes.version
        if not self.images["cluster-autoscaler"].tag.startswith(f"v{version}."):
            raise ValueError(f"images.cluster-autoscaler.tag must be of Kubernetes {version}, as the cluster is")
        return self


def load_versions() -> Versions:
    """Reads `versions.yaml`, which lies beside this package. Raises like `portal.spec.loader.load`."""
    return load(Path(__file__).parent.parent / "versions.yaml", Versions)
