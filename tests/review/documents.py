"""Small stacks, written by hand, in the form that cdktf prints."""

from typing import Any

Resources = dict[str, tuple[str, dict[str, Any]]]
"""Construct path without the stack -> resource type and arguments."""

SOURCES = {"google": "6.50.0", "helm": "3.1.1", "kubernetes": "2.38.0"}


def small_stack(resources: Resources, *, providers: dict[str, Any] | None = None, **blocks: Any) -> dict[str, Any]:
    """A `cdk.tf.json` of the stack `small` with these resources. `providers`: name -> the blocks of it."""
    by_type: dict[str, dict[str, Any]] = {}
    for path, (type, arguments) in resources.items():
        metadata = {"metadata": {"path": f"small/{path}/Default"}}
        by_type.setdefault(type, {})[path.replace("/", "_")] = {"//": metadata, **arguments}
    required = {name: {"source": f"hashicorp/{name}", "version": SOURCES[name]} for name in providers or {}}
    return {
        "resource": by_type,
        **({"provider": providers} if providers else {}),
        "terraform": {"backend": {"local": {"path": "../small.tfstate"}}, "required_providers": required},
        **blocks,
    }


def google_stack(**faults: dict[str, Any]) -> dict[str, Any]:
    """A network with NAT and an Autopilot cluster. `faults`: arguments to plant, by `nat`, `address` or `cluster`."""
    resources: Resources = {
        "network": ("google_compute_network", {"name": "main", "auto_create_subnetworks": False}),
        "network/router": (
            "google_compute_router",
            {"name": "main", "region": "europe-west1", "network": "${google_compute_network.network.id}"},
        ),
        "network/nat": (
            "google_compute_router_nat",
            {
                "name": "main",
                "region": "europe-west1",
                "router": "${google_compute_router.network_router.name}",
                "nat_ip_allocate_option": "AUTO_ONLY",
                "source_subnetwork_ip_ranges_to_nat": "ALL_SUBNETWORKS_ALL_IP_RANGES",
                **faults.get("nat", {}),
            },
        ),
        "network/address": ("google_compute_address", {"name": "main", **faults.get("address", {})}),
        "cluster": (
            "google_container_cluster",
            {
                "name": "main",
                "location": "europe-west1",
                "enable_autopilot": True,
                "network": "${google_compute_network.network.id}",
                **faults.get("cluster", {}),
            },
        ),
    }
    return small_stack(resources, providers={"google": [{"project": "small", "region": "europe-west1"}]})
