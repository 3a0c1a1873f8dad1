"""`make cluster`: a control plane until Ctrl-C, its kubeconfig on the first line.

Usage: python -m tools.cluster [--nodes N]
Exit codes: 0 ended by Ctrl-C or SIGTERM; 1 a program of it died; 2 programs are missing.
"""

import argparse
import signal
import sys
import threading
import time

from tools.cluster.controlplane import ClusterFailed, ControlPlane, describe, missing
from tools.cluster.processes import die_with_parent


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.cluster", description="A Kubernetes control plane on loopback."
    )
    parser.add_argument("--nodes", type=int, default=3, help="how many nodes kwok shows (default: 3)")
    options = parser.parse_args()
    if lacking := missing():
        print(describe(lacking), file=sys.stderr)
        return 2
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    die_with_parent(signal.SIGTERM)
    started = time.monotonic()
    try:
        with ControlPlane(nodes=options.nodes) as cluster:
            print(f"export KUBECONFIG={cluster.kubeconfig}", flush=True)
            print(f"ready in {time.monotonic() - started:.1f} s at {cluster.server}; Ctrl-C ends it", file=sys.stderr)
            while not ended.wait(1.0):
                cluster.check()
    except ClusterFailed as failed:
        print(failed, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
