"""Shared files: EFS, which pods in every zone read and write at the same time."""

from typing import Any

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_aws.efs_access_point import (
    EfsAccessPoint,
    EfsAccessPointPosixUser,
    EfsAccessPointRootDirectory,
    EfsAccessPointRootDirectoryCreationInfo,
)
from cdktf_cdktf_provider_aws.efs_backup_policy import EfsBackupPolicy, EfsBackupPolicyBackupPolicy
from cdktf_cdktf_provider_aws.efs_file_system import EfsFileSystem, EfsFileSystemLifecyclePolicy
from cdktf_cdktf_provider_aws.efs_file_system_policy import EfsFileSystemPolicy
from cdktf_cdktf_provider_aws.efs_mount_target import EfsMountTarget
from constructs import Construct

from portal.aws.keys import Key
from portal.aws.network import Network
from portal.aws.policies import policy_document
from portal.aws.reach import ReachedByNodes
from portal.kubernetes import contract
from portal.naming import Kind, Naming
from portal.spec.clouds import Aws

PORT = 2049
USER = 1000
"""As which the portal's pods run (chart portal)."""


class SharedFiles(Construct):
    """An encrypted file system with a way in from each zone, for nodes alone and over TLS, `backed_up` each day.

    Files that nobody opened for a month move to cheaper storage, and back when somebody does. The access point is for
    TechDocs: one folder, whose files belong to the portal's user whoever writes them.

    Source: guide, "AWS Architecture", EFS; EFS user guide, "Working with access points", "Backing up".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        network: Network,
        members_group_id: str,
        cloud: Aws,
        key: Key,
        backed_up: bool,
        protected: bool,
    ) -> None:
        super().__init__(scope, id)
        name = naming.name(Kind.AWS_NAME, "files")
        files = EfsFileSystem(
            self,
            "Default",
            creation_token=name,
            encrypted=True,
            kms_key_id=key.arn,
            throughput_mode="elastic",
            lifecycle_policy=[
                EfsFileSystemLifecyclePolicy(transition_to_ia="AFTER_30_DAYS"),
                EfsFileSystemLifecyclePolicy(transition_to_primary_storage_class="AFTER_1_ACCESS"),
            ],
            tags={"Name": name},
            lifecycle={"prevent_destroy": protected},
        )
        file_system_id = files.id
        reach = ReachedByNodes(
            self, "reach", name=name, vpc_id=network.vpc_id, members_group_id=members_group_id, port=PORT
        )
        closed = EfsFileSystemPolicy(
            self,
            "tls-only",
            file_system_id=file_system_id,
            policy=policy_document(over_tls_from_inside(files.arn)),
        )
        EfsBackupPolicy(
            self,
            "backed-up",
            file_system_id=file_system_id,
            backup_policy=EfsBackupPolicyBackupPolicy(status="ENABLED" if backed_up else "DISABLED"),
        )
        ways_in: list[ITerraformDependable] = [
            EfsMountTarget(
                self,
                f"way-in-{zone.removeprefix(cloud.region)}",
                file_system_id=file_system_id,
                subnet_id=subnet_id,
                security_groups=[reach.id],
            )
            for zone, subnet_id in network.data_subnet_ids.items()
        ]
        techdocs = EfsAccessPoint(
            self,
            "techdocs",
            file_system_id=file_system_id,
            posix_user=EfsAccessPointPosixUser(uid=USER, gid=USER),
            root_directory=EfsAccessPointRootDirectory(
                path="/techdocs",
                creation_info=EfsAccessPointRootDirectoryCreationInfo(
                    owner_uid=USER, owner_gid=USER, permissions="0750"
                ),
            ),
            tags={"Name": f"{name}-techdocs"},
        )
        self.contract = contract.SharedFiles(
            driver="efs.csi.aws.com",
            parameters={"provisioningMode": "efs-ap", "fileSystemId": file_system_id, "directoryPerms": "750"},
            mount_options=("tls",),
            handle=f"{file_system_id}::{techdocs.id}",
            ready=(*ways_in, reach.open, closed),
        )


def over_tls_from_inside(file_system_arn: str) -> list[dict[str, Any]]:
    """Who reaches a mount target may mount and write; nobody does without TLS.

    Source: EFS user guide, "Using IAM to control file system data access".
    """
    return [
        {
            "Sid": "FromMountTargets",
            "Effect": "Allow",
            "Principal": {"AWS": "*"},
            "Action": ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"],
            "Resource": file_system_arn,
            "Condition": {"Bool": {"elasticfilesystem:AccessedViaMountTarget": "true"}},
        },
        {
            "Sid": "DenyWithoutTls",
            "Effect": "Deny",
            "Principal": {"AWS": "*"},
            "Action": "elasticfilesystem:*",
            "Resource": file_system_arn,
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]
