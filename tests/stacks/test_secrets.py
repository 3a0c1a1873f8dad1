"""No secret is in what a stack says, nor in what Terraform would remember of it.

`pytest -s tests/stacks/test_secrets.py` prints what was searched.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.conftest import StackOf
from tests.kubernetes.test_release import ALL_STACKS
from tests.synthesized import SynthesizedStack, helm_values

SECRET = re.compile(
    r"-----BEGIN[ A-Z]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bgh[opsu]_\w{36}\b|\beyJ[\w-]{20,}\.eyJ[\w-]+\."
)
"""Forms that only secrets have: private keys, keys of AWS, tokens of GitHub, JSON Web Tokens."""
SECRET_NAME = re.compile(
    r"(?i)(password|passwd|passphrase|(?<!creation_)(?<!http_)token|(api|private|access|secret)_?key|client_?secret|secret_string)s?$"
)
LINE = re.compile(r"""^[ \t]*(?:export[ ]+)?["']?([\w.-]+)["']?[ \t]*[:=][ \t]*["']?([^\s"']+)""", re.MULTILINE)
"""`name: value` or `name=value` in a text of several lines: a file, a script."""

STATE_HOLDS_IT = {
    "aws_iam_access_key",
    "aws_iam_user_login_profile",
    "kubernetes_secret",
    "kubernetes_secret_v1",
    "random_password",
    "tls_private_key",
}
"""Resources whose secret is in the state whatever one does."""
WORTHLESS = {"random_password.stores_backstage-cache_first-password": "the rotation function replaces it at once"}

SENSITIVE = {
    # Arguments that the provider marks sensitive, or whose value is a secret.
    "aws_db_instance": ("password",),
    "aws_elasticache_replication_group": ("auth_token",),
    "aws_secretsmanager_secret_version": ("secret_string", "secret_binary"),
}


def in_plain_text(value: Any, name: str = "") -> Iterator[str]:
    """Names of what is called like a secret and has a value, at any depth; a reference is none."""
    if isinstance(value, Mapping):
        if {"name", "value"} <= value.keys():
            yield from in_plain_text(value["value"], str(value["name"]))
        for key, item in value.items():
            yield from in_plain_text(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from in_plain_text(item, name)
    elif isinstance(value, str):
        lines = LINE.findall(value) if "\n" in value else []
        yield from (
            key for key, said in [(name, value), *lines] if SECRET_NAME.search(key) and said and said[0] not in "$<"
        )


def bodies(stack: SynthesizedStack) -> Iterator[tuple[str, Any]]:
    """Address and arguments of each resource; the values of releases read, with `<...>` for a reference."""
    for address, resource in stack.resources.items():
        is_release = resource.type == "helm_release"
        yield address, {**resource.body, "values": helm_values(resource["values"])} if is_release else resource.body


@pytest.mark.parametrize("name", ALL_STACKS)
def test_no_secret_is_in_the_json(stack: StackOf, name: str) -> None:
    synthesized = stack(name)
    assert SECRET.search(synthesized.text) is None
    found = [(address, key) for address, body in bodies(synthesized) for key in in_plain_text(body)]
    assert found == []
    walked = [
        (resource, argument)
        for type, arguments in SENSITIVE.items()
        for resource in synthesized.all(type)
        for argument in arguments
    ]
    for resource, argument in walked:
        assert resource.get(argument) is None, f"{resource.address}.{argument} would be in the state"
    held = {address for address, resource in synthesized.resources.items() if resource.type in STATE_HOLDS_IT}
    assert held <= WORTHLESS.keys(), "would be in the state"
    print(f"\n{name}: {len(synthesized.text):,} characters searched, {len(walked)} arguments walked: no secret")


def test_what_is_worthless_is_there(stack: StackOf) -> None:
    assert set(WORTHLESS) <= {address for name in ALL_STACKS for address in stack(name).resources}


@pytest.mark.parametrize(
    "planted",
    [
        "-----BEGIN RSA PRIVATE KEY-----",
        "AKIA" + "A" * 16,
        "export X=ghp_" + "a" * 36,
        f"eyJ{'a' * 20}.eyJ{'b' * 20}.c",
    ],
)
def test_a_secret_is_known_by_its_form(planted: str) -> None:
    assert SECRET.search(planted)


@pytest.mark.parametrize(
    ("planted", "found"),
    [
        ({"grafana": {"adminPassword": "hunter2"}}, ["adminPassword"]),
        ({"environment": [{"variables": {"DB_PASSWORD": "hunter2"}}]}, ["DB_PASSWORD"]),
        ({"env": [{"name": "API_KEY", "value": "hunter2"}]}, ["API_KEY"]),
        ({"data": {"app.yaml": "backend:\n  token: hunter2\n"}}, ["token"]),
        ({"user_data": "#!/bin/sh\nexport ACCESS_KEY=hunter2\n"}, ["ACCESS_KEY"]),
        ({"passwords": ["hunter2"]}, ["passwords"]),
        ({"password": "${random_password.x.result}", "creation_token": "files", "secretName": "tls", "token": ""}, []),
        ({"data": {"app.yaml": "backend:\n  token: ${TOKEN}\n"}, "token": "<aws_x.y.token>"}, []),
    ],
)
def test_a_secret_is_known_by_its_name(planted: Any, found: list[str]) -> None:
    assert list(in_plain_text(planted)) == found
