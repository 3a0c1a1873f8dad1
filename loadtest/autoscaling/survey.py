"""Looks at a cluster before a run: `python -m loadtest.autoscaling.survey AUTOSCALING_YAML` prints what stands against
it, as JSON.

A process of its own, as the sampler is and for the same reason; by the same account, so that its rights are seen too.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from loadtest.autoscaling import api_objects
from loadtest.autoscaling.api_server import ApiServer, Refused
from loadtest.autoscaling.feasible import FEASIBILITY, Json, Survey, Unread, feasible
from loadtest.autoscaling.kubernetes_api import workload_path
from loadtest.autoscaling.session import Watched, load
from loadtest.autoscaling.source import Unreadable
from loadtest.data_file import BrokenFile

ALIVE: Final = "status.phase!=Succeeded,status.phase!=Failed"

T = TypeVar("T")


def survey(server: ApiServer, watched: Watched) -> Survey:
    place = f"namespaces/{quote(watched.namespace)}"

    def get(path: str) -> Json | Unread:
        return _read(lambda: server.get(path))

    def items(path: str, **query: str) -> list[Json] | Unread:
        return _read(lambda: list(server.get(path, **query)["items"]))

    hpa = get(f"/apis/autoscaling/v2/{place}/horizontalpodautoscalers/{quote(watched.hpa)}")
    if isinstance(hpa, Unread) and hpa.status is None:
        # Nor would anything else be answered, and each try takes seconds.
        return Survey(at=time.time(), hpa=hpa, node_scaler=hpa)
    workload = None if isinstance(hpa, Unread) else get(workload_path(hpa, namespace=watched.namespace))
    pods, usage = None, None
    if workload is not None and not isinstance(workload, Unread):
        selector = api_objects.label_selector(workload["spec"]["selector"])
        pods = items(f"/api/v1/{place}/pods", labelSelector=selector, fieldSelector=ALIVE)
        usage = items(f"/apis/metrics.k8s.io/v1beta1/{place}/pods", labelSelector=selector)
    return Survey(
        hpa=hpa,
        workload=workload,
        pods=pods,
        usage=usage,
        events=items(f"/api/v1/{place}/events", limit="1"),
        quotas=items(f"/api/v1/{place}/resourcequotas"),
        nodes=items("/api/v1/nodes"),
        pods_everywhere=items("/api/v1/pods", fieldSelector=ALIVE),
        node_scaler=get("/api/v1/namespaces/kube-system/configmaps/cluster-autoscaler-status"),
        at=server.clock or time.time(),
    )


def _read(read: Callable[[], T]) -> T | Unread:
    try:
        return read()
    except Unreadable as error:
        return Unread(status=error.status if isinstance(error, Refused) else None, text=str(error))


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.autoscaling.survey",
        description="Looks at a cluster before a run, and prints what stands against it as JSON.",
        epilog="Example: python -m loadtest.autoscaling.survey autoscaling.yaml",
    )
    parser.add_argument("file", type=Path, help="what --autoscaling takes")
    file: Path = parser.parse_args(words).file
    try:
        watched = load(file)
    except BrokenFile as error:
        parser.error(str(error))
    server = ApiServer(watched.context)
    found = replace(feasible(survey(server, watched), watched), credentials=server.credentials())
    print(FEASIBILITY.dump_json(found, indent=2).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
