"""Lambda: small programs of `portal/functions` that watch and rotate."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from functools import cache, cached_property
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from cdktf import AssetType, ITerraformDependable, TerraformAsset
from cdktf_cdktf_provider_aws.lambda_function import (
    LambdaFunction,
    LambdaFunctionDeadLetterConfig,
    LambdaFunctionEnvironment,
    LambdaFunctionLoggingConfig,
    LambdaFunctionTracingConfig,
    LambdaFunctionVpcConfig,
)
from cdktf_cdktf_provider_aws.security_group import SecurityGroup
from cdktf_cdktf_provider_aws.sqs_queue import SqsQueue
from cdktf_cdktf_provider_aws.vpc_security_group_egress_rule import VpcSecurityGroupEgressRule
from constructs import Construct

from portal import functions
from portal.aws.identity import ServiceRole
from portal.aws.keys import Keys
from portal.aws.logs import LogGroup
from portal.aws.monitoring import Alarm, of_failed_calls
from portal.aws.network import EVERYWHERE, Network
from portal.aws.policies import may_encrypt
from portal.naming import Kind, Naming
from portal.spec.clouds import Aws

FOLDER = Path(functions.__file__).parent
PACKAGE: Final = "portal/functions"
NO_TIME = (1980, 1, 1, 0, 0, 0)
"""The oldest that an archive knows: the same code makes the same bytes."""

_SHIPPED = TemporaryDirectory(prefix="portal-functions-")
"""Where archives wait until cdktf copies them; it goes with the process."""


class Functions(Construct):
    """What all functions of an environment share: their place in the network, and a queue of calls that failed.

    It is made with the first function. They call services on port 443, and nobody calls them by network.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        naming: Naming,
        network: Network,
        keys: Keys,
        cloud: Aws,
        runtime: str,
    ) -> None:
        super().__init__(scope, id)
        self.runtime = runtime
        self.naming = naming
        self.keys = keys
        self.cloud = cloud
        self.network = network

    @cached_property
    def security_group_id(self) -> str:
        name = self.naming.name(Kind.AWS_NAME, "functions")
        group = SecurityGroup(
            self, "Default", name=name, description="Functions: to services, from nobody", vpc_id=self.network.vpc_id
        )
        VpcSecurityGroupEgressRule(
            self,
            "services",
            security_group_id=group.id,
            description="APIs of AWS",
            cidr_ipv4=EVERYWHERE,
            ip_protocol="tcp",
            from_port=443,
            to_port=443,
        )
        group_id: str = group.id
        return group_id

    @cached_property
    def failed_calls(self) -> SqsQueue:
        return SqsQueue(
            self,
            "failed-calls",
            name=self.naming.name(Kind.AWS_NAME, "failed-calls"),
            kms_master_key_id=self.keys.messages.arn,
            message_retention_seconds=14 * 24 * 3600,
        )

    @cached_property
    def queue_arn(self) -> str:
        arn: str = self.failed_calls.arn
        return arn

    @cached_property
    def code(self) -> str:
        """The archive, relative to the stack."""
        asset = TerraformAsset(
            self, "code", path=str(_ship(archive(FOLDER))), type=AssetType.FILE, asset_hash=self.code_hash[:32]
        )
        path: str = asset.path
        return path

    @cached_property
    def code_hash(self) -> str:
        return sha256(archive(FOLDER)).hexdigest()

    @property
    def alarms(self) -> list[Alarm]:
        """Of what they share; none where there is no function."""
        made = "failed_calls" in self.__dict__
        return [of_failed_calls(self.failed_calls.name)] if made else []


class Function(Construct):
    """One function: arm64, inside the network, its log kept and encrypted, its calls traced.

    `ready`: whoever calls it depends on these.

    Source: guide, "AWS Architecture", Lambda; Lambda developer guide, "Giving Lambda functions access to resources in
    an Amazon VPC", "Dead-letter queues".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        shared: Functions,
        purpose: str,
        handler: str,
        settings: Mapping[str, str],
        statements: Sequence[Mapping[str, Any]],
        timeout_seconds: int,
    ) -> None:
        super().__init__(scope, id)
        self.name = shared.naming.name(Kind.AWS_NAME, purpose)
        log = LogGroup(
            self,
            "log",
            name=f"/aws/lambda/{self.name}",
            key=shared.keys.logs,
            retention_days=shared.cloud.cluster.log_retention_days,
        )
        role = ServiceRole(
            self,
            "role",
            name=self.name,
            service="lambda.amazonaws.com",
            # Neither network interfaces nor traces can be named before they are made.
            managed=["service-role/AWSLambdaENIManagementAccess", "AWSXRayDaemonWriteAccess"],
            statements=[
                {
                    "Effect": "Allow",
                    "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                    "Resource": f"{log.arn}:*",
                },
                {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": shared.queue_arn},
                may_encrypt(shared.keys.messages.arn),
                *statements,
            ],
        )
        function = LambdaFunction(
            self,
            "Default",
            function_name=self.name,
            role=role.arn,
            runtime=shared.runtime,
            architectures=["arm64"],
            filename=shared.code,
            source_code_hash=shared.code_hash,
            handler=handler,
            timeout=timeout_seconds,
            memory_size=256,
            reserved_concurrent_executions=shared.cloud.functions.reserved_concurrency,
            kms_key_arn=shared.keys.data.arn,
            environment=LambdaFunctionEnvironment(variables=dict(settings)),
            vpc_config=LambdaFunctionVpcConfig(
                subnet_ids=shared.network.node_subnet_ids, security_group_ids=[shared.security_group_id]
            ),
            # Lambda lets go of its network interfaces up to 40 minutes after a destroy. Until then they would hold this
            # group; the VPC's own closed one takes its place.
            replace_security_groups_on_destroy=True,
            dead_letter_config=LambdaFunctionDeadLetterConfig(target_arn=shared.queue_arn),
            tracing_config=LambdaFunctionTracingConfig(mode="Active"),
            logging_config=LambdaFunctionLoggingConfig(log_format="Text", log_group=log.resource.name),
            depends_on=[*role.granted, *shared.network.egress],
        )
        self.arn: str = function.arn
        self.ready: tuple[ITerraformDependable, ...] = (function,)


@cache
def archive(folder: Path) -> bytes:
    """The package `portal.functions` as Lambda takes it: the same bytes for the same code."""
    files = {f"{PACKAGE}/{file.name}": file.read_bytes() for file in sorted(folder.glob("*.py"))}
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archived:
        for name, content in {"portal/__init__.py": b"", **files}.items():
            archived.writestr(zipfile.ZipInfo(name, NO_TIME), content)
    return written.getvalue()


def _ship(code: bytes) -> Path:
    file = Path(_SHIPPED.name) / "functions.zip"
    file.write_bytes(code)
    return file
