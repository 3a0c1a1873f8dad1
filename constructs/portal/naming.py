"""Names that the clouds accept: length, alphabet and global uniqueness hold by construction.

A name is `portal-<tier>-<what>`, shortened with a hash where the service allows less. Sources: each service's quota or
naming page ("Bucket naming rules", "Naming rules and restrictions for Azure resources", ...).
"""

import re
from dataclasses import dataclass
from enum import Enum, unique
from hashlib import sha256

PROJECT = "portal"


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What one kind of resource takes as its name.

    `what`: sets kinds with equal limits apart, which an enum would else make one.
    """

    what: str
    longest: int
    separator: str = "-"
    unique_worldwide: bool = False


@unique
class Kind(Enum):
    """The kinds of names that the platform makes."""

    AWS_NAME = Limit(what="aws name", longest=64)
    """IAM roles have the least room of what AWS names here; EKS clusters, node groups and logs have more."""
    AWS_LOAD_BALANCER = Limit(what="aws load balancer", longest=32)
    """Application load balancers and target groups."""
    AWS_BUCKET = Limit(what="aws bucket", longest=63, unique_worldwide=True)
    AWS_CACHE = Limit(what="aws cache", longest=40)
    GCP_NAME = Limit(what="gcp name", longest=40)
    """GKE clusters have the least room; networks, routers and keys have 63."""
    GCP_ACCOUNT = Limit(what="gcp account", longest=30)
    GCP_BUCKET = Limit(what="gcp bucket", longest=63, unique_worldwide=True)
    AZURE_NAME = Limit(what="azure name", longest=63)
    """AKS clusters; resource groups, networks and gateways have 64 to 90."""
    AZURE_STORAGE = Limit(what="azure storage", longest=24, separator="", unique_worldwide=True)
    AZURE_VAULT = Limit(what="azure vault", longest=24, unique_worldwide=True)


def as_id(text: str) -> str:
    """A value of the data as part of a construct's id, which becomes a Terraform address: letters, digits, `-`, `_`.

    Taken from the value, not from its place in a list, so that another one before it moves nothing.
    """
    return re.sub(r"[^\w-]", "-", text)


@dataclass(frozen=True, kw_only=True)
class Naming:
    """Makes the names of one environment.

    `scope`: usually the tier. `owner`: the account, project or subscription that sets it apart worldwide.
    """

    scope: str
    owner: str

    def name(self, kind: Kind, *parts: str) -> str:
        """`portal-<scope>-<parts>` as `kind` allows it: lower case letters and digits, joined by its separator.

        A name that must be unique worldwide ends in a hash of the owner; one that is too long keeps its head and ends
        in a hash of the whole. Same input, same name, for ever.
        """
        limit = kind.value
        words = re.findall(r"[a-z0-9]+", " ".join((PROJECT, self.scope, *parts)).lower())
        whole = limit.separator.join(words)
        suffixes = [_hash(self.owner)] if limit.unique_worldwide else []
        if len(limit.separator.join([whole, *suffixes])) > limit.longest:
            suffixes.insert(0, _hash(whole))
        tail = "".join(limit.separator + suffix for suffix in suffixes)
        return whole[: limit.longest - len(tail)].rstrip("-") + tail


def _hash(text: str) -> str:
    """Six hex digits: enough that two names of one environment, or two owners, do not meet by chance."""
    return sha256(text.encode()).hexdigest()[:6]
