"""The managed service mesh: Google runs control plane and interception, which Autopilot lets nobody else install."""

from collections.abc import Sequence

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_google.gke_hub_feature import GkeHubFeature
from cdktf_cdktf_provider_google.gke_hub_feature_membership import (
    GkeHubFeatureMembership,
    GkeHubFeatureMembershipMesh,
)
from cdktf_cdktf_provider_google.gke_hub_membership import (
    GkeHubMembership,
    GkeHubMembershipEndpoint,
    GkeHubMembershipEndpointGkeCluster,
)
from cdktf_cdktf_provider_time.sleep import Sleep
from constructs import Construct

from portal.kubernetes import contract, traffic

PROVISIONING_SECONDS = 600
"""The API answers long before the mesh injects: about ten minutes pass. Source: Cloud Service Mesh, "Provision"."""


class ManagedMesh(Construct):
    """Joins the cluster to the project's fleet and switches Cloud Service Mesh on for it, automatically managed.

    Source: guide, "Service Mesh Integration"; provider docs, `google_gke_hub_feature_membership`.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster_name: str,
        cluster_id: str,
        region: str,
        after: Sequence[ITerraformDependable],
    ) -> None:
        super().__init__(scope, id)
        feature = GkeHubFeature(self, "feature", name="servicemesh", location="global", depends_on=list(after))
        member = GkeHubMembership(
            self,
            "member",
            membership_id=cluster_name,
            location=region,
            endpoint=GkeHubMembershipEndpoint(
                gke_cluster=GkeHubMembershipEndpointGkeCluster(resource_link=f"//container.googleapis.com/{cluster_id}")
            ),
            depends_on=list(after),
        )
        managed = GkeHubFeatureMembership(
            self,
            "Default",
            location="global",
            feature=feature.name,
            membership=member.membership_id,
            membership_location=region,
            mesh=GkeHubFeatureMembershipMesh(management="MANAGEMENT_AUTOMATIC"),
        )
        provisioned = Sleep(self, "provisioned", create_duration=f"{PROVISIONING_SECONDS}s", depends_on=[managed])
        self.contract = contract.ProvidedMesh(
            proxy_registry="gcr.io/gke-release/asm",
            # Google's API addresses, which change: Traffic Director and the mesh's certificate authority.
            control_plane=(traffic.EVERYWHERE, 443),
            ready=(provisioned,),
        )
