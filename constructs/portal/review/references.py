"""What refers to what in a synthesized stack's Terraform JSON."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Document = Mapping[str, Any]
"""A parsed `cdk.tf.json`."""

BLOCKS = {"resource": "", "data": "data.", "ephemeral": "ephemeral."}
"""The blocks whose members have an address, and what it begins with."""

# A type holds at least one `_`, which tells it from `var.x`, `each.value` or a variable of a `for`.
_REFERENCE = r"(?<![\w.-])(?:data\.|ephemeral\.)?[a-z][a-z0-9-]*_[a-z0-9_]+\.[A-Za-z_][\w-]*"
_TOKEN = re.compile(rf'\$\$\{{|%%\{{|[$%]\{{|\\["\\]|["{{}}]|{_REFERENCE}')


def rewritten(value: Any, replace: Callable[[str], str]) -> Any:
    """`value` with the address in each reference, `aws_vpc.main` of `${aws_vpc.main.id}`, replaced.

    Looks into every string, keys of mappings included; only what Terraform would evaluate counts.
    """
    if isinstance(value, Mapping):
        return {rewritten(key, replace): rewritten(item, replace) for key, item in value.items()}
    if isinstance(value, list):
        return [rewritten(item, replace) for item in value]
    return _rewritten_template(value, replace) if isinstance(value, str) else value


def _rewritten_template(template: str, replace: Callable[[str], str]) -> str:
    """Follows `${`, `{` and quotes inward, because a quoted string in an expression is a template again."""
    enclosing: list[str] = []

    def token(match: re.Match[str]) -> str:
        text = match[0]
        inside = enclosing[-1] if enclosing else ""
        if inside in ("", '"'):
            if text in ("${", "%{"):
                enclosing.append("{")
            elif text == inside:
                enclosing.pop()
        elif text in ('"', "{"):
            enclosing.append(text)
        elif text == "}":
            enclosing.pop()
        elif "." in text:
            return replace(text)
        return text

    return _TOKEN.sub(token, template)


def references(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The addresses that a block refers to, by arguments or `depends_on`, in the order of the text, each once."""
    found: dict[str, None] = {}

    def note(address: str) -> str:
        found[address] = None
        return address

    rewritten({key: item for key, item in body.items() if key != "//"}, note)
    return tuple(found | dict.fromkeys(body.get("depends_on", ())))


def members(document: Document) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Address and body of every resource, data source and ephemeral resource."""
    for block, prefix in BLOCKS.items():
        for type, by_name in document.get(block, {}).items():
            for name, body in by_name.items():
                yield f"{prefix}{type}.{name}", body


def dependents(document: Document, addresses: set[str]) -> set[str]:
    """Everything that needs one of `addresses` to exist first, directly or through others, without themselves."""
    needs = {address: set(references(body)) for address, body in members(document)}
    reached = set(addresses)
    while new := {address for address, needed in needs.items() if needed & reached} - reached:
        reached |= new
    return reached - addresses
