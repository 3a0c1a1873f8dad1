"""The StorageClass of data volumes."""

from collections.abc import Mapping, Sequence

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_kubernetes.storage_class_v1 import StorageClassV1, StorageClassV1Metadata
from constructs import Construct

from portal.kubernetes.contract import SharedFiles, VolumeClass

SHARED_FILES = "shared-files"
"""StorageClass of volumes that pods on every node use at the same time."""


class DataVolumes(Construct):
    """The guide's `fast-ssd` class: encrypted, growable, made in the zone of the pod that asks.

    A `protected` environment keeps a volume whose claim is deleted; docs/runbooks/destroy.md says how to find those.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        volumes: VolumeClass,
        labels: Mapping[str, str],
        protected: bool,
        after: Sequence[ITerraformDependable],
    ) -> None:
        super().__init__(scope, id)
        self.name = "fast-ssd"
        storage_class = StorageClassV1(
            self,
            "Default",
            metadata=StorageClassV1Metadata(name=self.name, labels=labels),
            storage_provisioner=volumes.provisioner,
            parameters=volumes.parameters,
            reclaim_policy="Retain" if protected else "Delete",
            volume_binding_mode="WaitForFirstConsumer",
            allow_volume_expansion=True,
            depends_on=list(after),
        )
        self.ready: tuple[ITerraformDependable, ...] = (storage_class,)


def data_volumes(
    scope: Construct,
    volumes: VolumeClass | str | None,
    *,
    labels: Mapping[str, str],
    protected: bool,
    after: Sequence[ITerraformDependable],
) -> tuple[str | None, tuple[ITerraformDependable, ...]]:
    """The StorageClass of data volumes, None for the cluster's default, and what its users come after.

    Makes the class where `volumes` describes one.
    """
    if not isinstance(volumes, VolumeClass):
        return volumes, ()
    made = DataVolumes(scope, "fast-ssd", volumes=volumes, labels=labels, protected=protected, after=after)
    return made.name, made.ready


def shared_files(
    scope: Construct, files: SharedFiles | None, *, labels: Mapping[str, str], after: Sequence[ITerraformDependable]
) -> tuple[ITerraformDependable, ...]:
    """The StorageClass of shared files, where there are any; what its users come after."""
    if not files:
        return ()
    storage_class = StorageClassV1(
        scope,
        SHARED_FILES,
        metadata=StorageClassV1Metadata(name=SHARED_FILES, labels=labels),
        storage_provisioner=files.driver,
        parameters=files.parameters,
        mount_options=list(files.mount_options),
        reclaim_policy="Retain",
        depends_on=[*files.ready, *after],
    )
    return (storage_class,)
