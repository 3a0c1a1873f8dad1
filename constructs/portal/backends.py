"""Where Terraform keeps each stack's state: encrypted and locked, one key a stack.

The stores themselves are made once per cloud, before the first deploy; their names follow from the account, project or
subscription, so that no data file repeats them.
"""

from cdktf import AzurermBackend, GcsBackend, LocalBackend, S3Backend, TerraformStack

from portal.naming import Kind, Naming
from portal.spec.clouds import Aws, Azure, Gcp
from portal.spec.shared import SharedAws

STATE_SCOPE = "tfstate"


def state_bucket(*, account: str, region: str) -> str:
    """The bucket that holds the state of every stack of an AWS account."""
    return Naming(scope=STATE_SCOPE, owner=account).name(Kind.AWS_BUCKET, region)


def s3(stack: TerraformStack, *, name: str, cloud: Aws | SharedAws) -> None:
    """S3 with a lock file beside the state. Source: Terraform, "Backend Type: s3"."""
    backend = S3Backend(
        stack,
        bucket=state_bucket(account=cloud.account, region=cloud.region),
        key=f"{name}.tfstate",
        region=cloud.region,
        encrypt=True,
        allowed_account_ids=[cloud.account],
    )
    # Newer than the binding: a lock object in the bucket instead of a DynamoDB table.
    backend.add_override("use_lockfile", True)


def gcs(stack: TerraformStack, *, name: str, cloud: Gcp) -> None:
    """Cloud Storage, which locks and encrypts by itself. Source: Terraform, "Backend Type: gcs"."""
    bucket = Naming(scope=STATE_SCOPE, owner=cloud.project).name(Kind.GCP_BUCKET, cloud.region)
    GcsBackend(stack, bucket=bucket, prefix=name)


def azurerm(stack: TerraformStack, *, name: str, cloud: Azure) -> None:
    """Blob storage by Entra identity, without an account key; a blob lease is the lock.

    Source: Terraform, "Backend Type: azurerm".
    """
    naming = Naming(scope=STATE_SCOPE, owner=cloud.subscription)
    AzurermBackend(
        stack,
        resource_group_name=naming.name(Kind.AZURE_NAME),
        storage_account_name=naming.name(Kind.AZURE_STORAGE),
        container_name="tfstate",
        key=f"{name}.tfstate",
        subscription_id=cloud.subscription,
        tenant_id=cloud.tenant,
        use_azuread_auth=True,
    )


def local(stack: TerraformStack, *, name: str) -> None:
    """A file at the root of the checkout, outside what `cdktf synth` clears.

    Its path is relative to where Terraform runs, so that no machine path is in the JSON.
    """
    LocalBackend(stack, path=f"../../../{name}.tfstate")
