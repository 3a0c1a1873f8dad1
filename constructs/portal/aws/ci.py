"""The identities of continuous integration: no key and no password, only GitHub's word on which job is asking."""

from collections.abc import Mapping, Sequence

from cdktf_cdktf_provider_aws.iam_openid_connect_provider import IamOpenidConnectProvider
from cdktf_cdktf_provider_aws.iam_role import IamRole
from cdktf_cdktf_provider_aws.iam_role_policy import IamRolePolicy
from cdktf_cdktf_provider_aws.iam_role_policy_attachment import IamRolePolicyAttachment
from constructs import Construct

from portal.aws.audit import RECORDER
from portal.aws.boundary import Boundary
from portal.aws.policies import Statement, policy_document
from portal.aws.state import StateStore

ISSUER = "token.actions.githubusercontent.com"
AUDIENCE = "sts.amazonaws.com"

DEPLOY_SESSION_SECONDS = 3 * 3600
"""Longer than a first deploy, which makes cluster, databases and edge."""


class GithubIdentities(Construct):
    """The roles that jobs of one repository take in one account.

    `planner`: name of the role that may read everything, for `cdktf diff`. `deployers`: by name of the role, the GitHub
    environments whose jobs may deploy with it; GitHub asks there for a reviewer. `administrator`: name of the role
    whose people may deploy by hand, the first time and when GitHub is away. `plan_environment`: whose jobs may plan.
    Pull requests of forks get no token from GitHub, and no plan: what a plan reads holds secrets.

    Source: GitHub docs, "Configuring OpenID Connect in Amazon Web Services".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        account: str,
        repository: str,
        planner: str,
        plan_environment: str,
        deployers: Mapping[str, Sequence[str]],
        administrator: str,
        state: StateStore,
        boundary: Boundary,
    ) -> None:
        super().__init__(scope, id)
        # AWS checks GitHub's certificate itself, so no thumbprint.
        provider = IamOpenidConnectProvider(self, "github", url=f"https://{ISSUER}", client_id_list=[AUDIENCE])
        self.provider_arn: str = provider.arn
        guarded = [planner, *deployers, RECORDER]
        plan = IamRole(
            self,
            planner,
            name=planner,
            assume_role_policy=policy_document([may_come(provider.arn, repository, [plan_environment])]),
        )
        _managed(self, f"{planner}-reads", plan, "ReadOnlyAccess")
        _inline(self, f"{planner}-rights", plan, may_plan(account, state=state))
        for name, environments in deployers.items():
            deploy = IamRole(
                self,
                name,
                name=name,
                assume_role_policy=policy_document(
                    [may_come(provider.arn, repository, environments), may_take_over(account, administrator)]
                ),
                max_session_duration=DEPLOY_SESSION_SECONDS,
            )
            # Everything but identities, organizations and accounts.
            _managed(self, f"{name}-builds", deploy, "PowerUserAccess")
            rights = [
                *may_make_roles(account, boundary=boundary.arn),
                *may_not_free_itself(account, guarded, state=state),
                *may_not_change_the_boundary(boundary.arn),
                may_not_blind_the_account(),
            ]
            _inline(self, f"{name}-rights", deploy, rights)


class ImagePublisher(Construct):
    """The role with which a job pushes images to `repositories` of its own account, and to no other.

    `provider_arn`: of GitHub's tokens, where the account has that provider already; it can have only one.

    Source: ECR user guide, "IAM permissions for pushing an image".
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        account: str,
        region: str,
        repository: str,
        environment: str,
        repositories: Sequence[str],
        provider_arn: str | None,
    ) -> None:
        super().__init__(scope, id)
        if provider_arn is None:
            provider_arn = IamOpenidConnectProvider(
                self, "github", url=f"https://{ISSUER}", client_id_list=[AUDIENCE]
            ).arn
        role = IamRole(
            self,
            "Default",
            name=name,
            assume_role_policy=policy_document([may_come(provider_arn, repository, [environment])]),
        )
        _inline(
            self,
            "rights",
            role,
            may_push([f"arn:aws:ecr:{region}:{account}:repository/{each}" for each in repositories]),
        )


def may_push(repository_arns: Sequence[str]) -> list[Statement]:
    return [
        # Has no resource that it could be narrowed to, and gives nothing but the right to try.
        {"Sid": "LogsIn", "Effect": "Allow", "Action": ["ecr:GetAuthorizationToken"], "Resource": "*"},
        {
            "Sid": "Pushes",
            "Effect": "Allow",
            "Action": [
                "ecr:BatchCheckLayerAvailability",
                "ecr:BatchGetImage",
                "ecr:CompleteLayerUpload",
                "ecr:GetDownloadUrlForLayer",
                "ecr:InitiateLayerUpload",
                "ecr:PutImage",
                "ecr:UploadLayerPart",
            ],
            "Resource": list(repository_arns),
        },
    ]


def _managed(scope: Construct, id: str, role: IamRole, policy: str) -> None:
    IamRolePolicyAttachment(scope, id, role=role.name, policy_arn=f"arn:aws:iam::aws:policy/{policy}")


def _inline(scope: Construct, id: str, role: IamRole, statements: Sequence[Statement]) -> None:
    IamRolePolicy(scope, id, role=role.name, name="rights", policy=policy_document(statements))


def may_come(provider_arn: str, repository: str, environments: Sequence[str]) -> Statement:
    """Jobs of `repository` that run in one of `environments`, and no others.

    Compared by `StringEquals`: with a pattern, a repository whose name begins alike would get in.
    """
    return {
        "Sid": "JobsOfTheRepository",
        "Effect": "Allow",
        "Principal": {"Federated": provider_arn},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                f"{ISSUER}:aud": AUDIENCE,
                f"{ISSUER}:sub": [f"repo:{repository}:environment:{name}" for name in environments],
            }
        },
    }


def may_take_over(account: str, administrator: str) -> Statement:
    """People of one role of the same account. Named by a condition: as a principal it would have to exist before."""
    return {
        "Sid": "Administrators",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{account}:role/{administrator}"}},
    }


def may_plan(account: str, *, state: StateStore) -> list[Statement]:
    """What a refresh reads beyond ReadOnlyAccess, and what of that nobody needs to see.

    It takes no lock (`-lock=false`): a lock is an object that it would have to write.
    """
    return [
        {
            "Sid": "SecretsThatTerraformRefreshes",
            "Effect": "Allow",
            "Action": ["secretsmanager:GetSecretValue"],
            "Resource": f"arn:aws:secretsmanager:*:{account}:secret:portal-*",
        },
        {"Sid": "ReadsState", "Effect": "Allow", "Action": ["kms:Decrypt"], "Resource": state.key_arn},
        {
            # Secrets and the settings of functions come back encrypted, or not at all, to who may not decrypt them.
            "Sid": "DecryptsWhatTerraformRefreshes",
            "Effect": "Allow",
            "Action": ["kms:Decrypt"],
            "Resource": f"arn:aws:kms:*:{account}:key/*",
            "Condition": {
                "StringLike": {"kms:ViaService": ["lambda.*.amazonaws.com", "secretsmanager.*.amazonaws.com"]}
            },
        },
        {
            "Sid": "NothingOfPeoplesData",
            "Effect": "Deny",
            "Action": ["s3:GetObject", "s3:GetObjectVersion"],
            "NotResource": f"{state.bucket_arn}/*",
        },
    ]


def may_make_roles(account: str, *, boundary: str) -> list[Statement]:
    """Roles of the platform and nobody else's, and none that could do more than the boundary allows."""
    roles = f"arn:aws:iam::{account}:role/portal-*"
    return [
        {
            "Sid": "MakesRolesInsideTheBoundary",
            "Effect": "Allow",
            "Action": [
                "iam:AttachRolePolicy",
                "iam:CreateRole",
                "iam:DeleteRolePolicy",
                "iam:DetachRolePolicy",
                "iam:PutRolePermissionsBoundary",
                "iam:PutRolePolicy",
            ],
            "Resource": roles,
            "Condition": {"StringEquals": {"iam:PermissionsBoundary": boundary}},
        },
        {
            "Sid": "KeepsRoles",
            "Effect": "Allow",
            "Action": [
                "iam:DeleteRole",
                "iam:Get*",
                "iam:List*",
                "iam:PassRole",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
                "iam:UpdateRoleDescription",
            ],
            "Resource": roles,
        },
        {
            "Sid": "InstanceProfilesAndClusterIssuers",
            "Effect": "Allow",
            "Action": [
                "iam:AddRoleToInstanceProfile",
                "iam:CreateInstanceProfile",
                "iam:CreateOpenIDConnectProvider",
                "iam:DeleteInstanceProfile",
                "iam:DeleteOpenIDConnectProvider",
                "iam:GetInstanceProfile",
                "iam:GetOpenIDConnectProvider",
                "iam:RemoveRoleFromInstanceProfile",
                "iam:TagInstanceProfile",
                "iam:TagOpenIDConnectProvider",
                "iam:UntagInstanceProfile",
            ],
            "Resource": [
                f"arn:aws:iam::{account}:instance-profile/portal-*",
                f"arn:aws:iam::{account}:oidc-provider/oidc.eks.*",
            ],
        },
        {
            "Sid": "RolesOfServices",
            "Effect": "Allow",
            "Action": ["iam:CreateServiceLinkedRole", "iam:GetRole"],
            "Resource": f"arn:aws:iam::{account}:role/aws-service-role/*",
        },
    ]


def may_not_free_itself(account: str, roles: Sequence[str], *, state: StateStore) -> list[Statement]:
    """Identities of continuous integration are changed by people only, and the state's history by nobody here."""
    return [
        {
            "Sid": "NotItsOwnRights",
            "Effect": "Deny",
            "NotAction": ["iam:Get*", "iam:List*"],
            "Resource": [
                *(f"arn:aws:iam::{account}:role/{role}" for role in roles),
                f"arn:aws:iam::{account}:oidc-provider/{ISSUER}",
            ],
        },
        {
            "Sid": "NotTheHistoryOfState",
            "Effect": "Deny",
            "Action": [
                "s3:DeleteBucket",
                "s3:DeleteBucketPolicy",
                "s3:DeleteObjectVersion",
                "s3:PutBucketPolicy",
                "s3:PutBucketVersioning",
                "s3:PutLifecycleConfiguration",
            ],
            "Resource": [state.bucket_arn, f"{state.bucket_arn}/*"],
        },
        {
            "Sid": "NotTheKeyOfState",
            "Effect": "Deny",
            "Action": ["kms:DisableKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"],
            "Resource": state.key_arn,
        },
    ]


def may_not_change_the_boundary(boundary: str) -> list[Statement]:
    """Nor lift it from a role: with either, the boundary would bound nothing."""
    return [
        {
            "Sid": "NotTheBoundary",
            "Effect": "Deny",
            "Action": [
                "iam:CreatePolicyVersion",
                "iam:DeletePolicy",
                "iam:DeletePolicyVersion",
                "iam:SetDefaultPolicyVersion",
            ],
            "Resource": boundary,
        },
        {"Sid": "NorOffARole", "Effect": "Deny", "Action": ["iam:DeleteRolePermissionsBoundary"], "Resource": "*"},
    ]


def may_not_blind_the_account() -> Statement:
    """What shared-aws switches on in every account stays on: a deploy that broke in could hide what it does."""
    return {
        "Sid": "NotTheGuardsOfTheAccount",
        "Effect": "Deny",
        "Action": [
            "access-analyzer:DeleteAnalyzer",
            "cloudtrail:DeleteTrail",
            "cloudtrail:PutEventSelectors",
            "cloudtrail:StopLogging",
            "cloudtrail:UpdateTrail",
            "config:DeleteConfigurationRecorder",
            "config:DeleteDeliveryChannel",
            "config:PutConfigurationRecorder",
            "config:PutDeliveryChannel",
            "config:StopConfigurationRecorder",
            "ec2:DisableEbsEncryptionByDefault",
            "ec2:DisableSnapshotBlockPublicAccess",
            "ec2:ModifyInstanceMetadataDefaults",
            "guardduty:Delete*",
            "guardduty:Disassociate*",
            "guardduty:Stop*",
            "guardduty:Update*",
            "s3:PutAccountPublicAccessBlock",
            "securityhub:BatchDisableStandards",
            "securityhub:DisableSecurityHub",
        ],
        "Resource": "*",
    }
