"""The vocabulary of the environment files: one annotated type for each kind of value."""

from ipaddress import IPv4Network, ip_network
from typing import Annotated, Any, TypeVar
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from portal.spec.problems import did_you_mean

T = TypeVar("T")


class Spec(BaseModel):
    """Base of every model: immutable, refuses unknown keys, converts nothing silently."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def _parse_cidr(value: Any) -> IPv4Network:
    if isinstance(value, IPv4Network):
        return value
    try:
        if "/" not in value:
            raise ValueError
        network = ip_network(value)
    except (ValueError, TypeError):
        raise PydanticCustomError(
            "cidr", "must be an IPv4 network with no host bits set, such as 10.0.0.0/16"
        ) from None
    if not isinstance(network, IPv4Network):
        raise PydanticCustomError("cidr", "must be an IPv4 network; the platform has no IPv6 ranges")
    return network


def _known_time_zone(value: str) -> str:
    known = available_timezones()
    if known and value not in known:
        raise PydanticCustomError("time_zone", "is no time zone{hint}", {"hint": did_you_mean(value, known)})
    return value


def as_tuple(value: Any) -> Any:
    """YAML has lists; frozen models hold tuples."""
    return tuple(value) if isinstance(value, list) else value


def _pattern(regex: str, example: str) -> Any:
    return StringConstraints(pattern=regex), Field(examples=[example])


Cidr = Annotated[
    IPv4Network,
    BeforeValidator(_parse_cidr),
    PlainSerializer(str),
    WithJsonSchema({"type": "string", "pattern": r"^(\d{1,3}\.){3}\d{1,3}/\d{1,2}$", "examples": ["10.0.0.0/16"]}),
]
"""An IPv4 range in CIDR notation."""

Several = Annotated[tuple[T, ...], BeforeValidator(as_tuple), Field(min_length=1)]
"""One or more values, in order."""

CpuQuantity = Annotated[str, *_pattern(r"^([1-9]\d*m?|\d+\.\d{1,3})$", "500m")]
"""CPU as Kubernetes writes it: cores ("2", "0.5") or millicores ("500m")."""

MemoryQuantity = Annotated[str, *_pattern(r"^[1-9]\d*(Mi|Gi)$", "4Gi")]
"""Memory as Kubernetes writes it, in Mi or Gi."""

Digest = Annotated[str, *_pattern(r"^sha256:[0-9a-f]{64}$", "sha256:" + 64 * "0")]
"""The content address of an image manifest (OCI image specification, "Digests")."""

Repository = Annotated[
    str, *_pattern(r"^[a-z0-9.-]+(:\d+)?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+$", "registry.example.com/portal/frontend")
]
"""Registry and path of an image, with neither tag nor digest."""

DomainName = Annotated[str, *_pattern(r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$", "portal.example.com")]
"""A fully qualified host name without the trailing dot (RFC 1123)."""

Name = Annotated[str, *_pattern(r"^[a-z][a-z0-9-]{0,30}[a-z0-9]$", "portal-prod")]
"""A short identifier that every cloud accepts as part of a name."""

Names = Annotated[tuple[Name, ...], BeforeValidator(as_tuple)]
"""Any number of names, in order."""

Words = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], BeforeValidator(as_tuple)]
"""Any number of texts, in order."""

AwsRegion = Annotated[str, *_pattern(r"^[a-z]{2}(-[a-z]+)+-\d$", "eu-west-1")]

IamRoleName = Annotated[str, *_pattern(r"^[\w+=,.@-]{1,64}$", "portal-deploy")]

InstanceType = Annotated[str, *_pattern(r"^[a-z]+\d[a-z0-9-]*\.[a-z0-9-]+$", "m7i.large")]
"""A size of EC2."""

TimeZone = Annotated[str, *_pattern(r"^[A-Za-z_]+(/[A-Za-z_+-]+)*$", "Europe/Berlin"), AfterValidator(_known_time_zone)]
"""A name of the IANA database, as far as this machine has one."""

AwsAccount = Annotated[str, *_pattern(r"^\d{12}$", "123456789012")]
"""A 12-digit AWS account id, quoted in YAML so that leading zeros stay."""

Email = Annotated[str, *_pattern(r"^[^@\s]+@[^@\s]+\.[^@\s]+$", "platform@example.com")]

Moment = Annotated[str, *_pattern(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(Z|[+-]\d{2}:\d{2})$", "2026-01-31T12:00:00Z")]
"""A time (RFC 3339), quoted in YAML so that it stays a text."""

Uuid = Annotated[
    str,
    *_pattern(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", "00000000-0000-0000-0000-000000000000"),
]
"""A lower-case UUID: Azure subscriptions, tenants and groups."""
