"""A stack without its providers: every resource becomes Terraform's built-in `terraform_data`.

Two rewrites, because neither can do the work of the other. `for_validation` keeps the arguments, so that Terraform
checks references, functions and cycles; it cannot be applied, since a `terraform_data` has no attributes of the real
resource. `for_state` keeps addresses and their order only, so that Terraform plans it against `recorded_state`.

Source: Terraform, "The terraform_data Managed Resource Type".
"""

from collections.abc import Iterator, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from portal.review.references import Document, members, references, rewritten

TYPE = "terraform_data"
ARGUMENTS_OF_TERRAFORM = ("//", "depends_on", "provider", "lifecycle", "count", "for_each")
"""What a resource block holds beside the arguments of its provider."""


def stand_in(address: str) -> str:
    """The address of what stands for `address`: `data.aws_ami.a` -> `terraform_data.data__aws_ami__a`."""
    return f"{TYPE}.{address.replace('.', '__')}"


def for_validation(document: Document) -> dict[str, Any]:
    """Resources, data sources and ephemeral resources as `terraform_data` whose `input` is their arguments.

    `terraform validate` finds undeclared references, also in provider blocks and `depends_on`, wrong calls of
    functions, and cycles. It cannot find a misspelt argument or attribute: nobody knows the schema.
    """
    repeated = {address: meta for address, body in members(document) for meta in ("count", "for_each") if meta in body}

    def value_of(address: str) -> str:
        new = stand_in(address)
        if address not in repeated:
            return f"{new}.output"
        return f"{new}[*].output" if repeated[address] == "count" else f"{{for k, v in {new} : k => v.output}}"

    def resource(body: Mapping[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {
            "input": {key: value for key, value in body.items() if key not in ARGUMENTS_OF_TERRAFORM},
            **{key: body[key] for key in ("count", "for_each") if key in body},
        }
        result: dict[str, Any] = rewritten(kept, value_of)
        if "depends_on" in body:
            result["depends_on"] = [stand_in(address) for address in body["depends_on"]]
        if "create_before_destroy" in body.get("lifecycle", {}):
            # Spreads to what the resource needs, and can close a cycle there.
            result["lifecycle"] = {"create_before_destroy": body["lifecycle"]["create_before_destroy"]}
        return result

    plain = {
        block: rewritten(content, value_of)
        for block, content in document.items()
        if block not in ("//", "terraform", "provider", "resource", "data", "ephemeral", "locals", "moved")
    }
    providers = {f"provider__{name}": blocks for name, blocks in document.get("provider", {}).items()}
    locals = rewritten({**document.get("locals", {}), **providers}, value_of)
    return {
        **plain,
        **({"locals": locals} if locals else {}),
        "resource": {TYPE: {_name(address): resource(body) for address, body in members(document)}},
    }


def for_state(document: Document) -> dict[str, Any]:
    """The managed resources as empty `terraform_data` in the same order, and the `moved` blocks.

    An order that goes through a data source stays; the data source itself has no place in a state's history.
    """
    bodies = dict(members(document))

    def needs(address: str) -> Iterator[str]:
        for needed in references(bodies[address]):
            if needed not in bodies or needed == address:
                continue
            if _managed(needed):
                yield stand_in(needed)
            else:
                yield from needs(needed)

    resources = {
        _name(address): {"depends_on": list(dict.fromkeys(needs(address)))} for address in bodies if _managed(address)
    }
    return {**_moved(document), "resource": {TYPE: resources}}


def recorded_state(document: Document) -> dict[str, Any]:
    """The Terraform state (format 4) in which every resource of `for_state(document)` exists."""
    resources = for_state(document)["resource"][TYPE]
    return {
        "version": 4,
        "terraform_version": "1.11.0",
        "serial": 1,
        "lineage": str(uuid5(NAMESPACE_URL, TYPE)),
        "outputs": {},
        "resources": [
            {
                "mode": "managed",
                "type": TYPE,
                "name": name,
                "provider": 'provider["terraform.io/builtin/terraform"]',
                "instances": [
                    {
                        "schema_version": 0,
                        "attributes": {"id": name, "input": None, "output": None, "triggers_replace": None},
                        "dependencies": body["depends_on"],
                    }
                ],
            }
            for name, body in resources.items()
        ],
    }


def _moved(document: Document) -> dict[str, Any]:
    blocks = [{end: stand_in(address) for end, address in block.items()} for block in document.get("moved", ())]
    return {"moved": blocks} if blocks else {}


def _name(address: str) -> str:
    return stand_in(address).removeprefix(f"{TYPE}.")


def _managed(address: str) -> bool:
    return not address.startswith(("data.", "ephemeral."))
