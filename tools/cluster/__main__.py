"""`make cluster`: a control plane until Ctrl-C, its kubeconfig on the first line.

Usage: python -m tools.cluster [--nodes N]
Exit codes: 0 ended by Ctrl-C or SIGTERM, also while it starts; 1 a program of it did not start or died;
2 programs are missing or of other versions, or wrong usage.
"""

import os
import signal

from tools.cluster.processes import die_with_parent

# Before all that takes time to import: a parent may be gone by then.
die_with_parent(signal.SIGTERM, parent=os.getppid())

import argparse  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402

from tools.cluster.controlplane import ClusterFailed, ControlPlane, Ended, lacking  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tools.cluster", description="A Kubernetes control plane on loopback."
    )
    parser.add_argument("--nodes", type=at_least_one, default=3, help="how many nodes kwok shows (default: 3)")
    options = parser.parse_args()
    if advice := lacking():
        print(advice, file=sys.stderr)
        return 2
    started = time.monotonic()
    cluster = ControlPlane(nodes=options.nodes)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: cluster.end())
    try:
        with cluster:
            print(f"export KUBECONFIG={cluster.kubeconfig}", flush=True)
            print(f"ready in {time.monotonic() - started:.1f} s at {cluster.server}; Ctrl-C ends it", file=sys.stderr)
            while True:
                time.sleep(0.1)
                cluster.check()
    except Ended:
        return 0
    except ClusterFailed as failed:
        print(failed, file=sys.stderr)
        return 1


def at_least_one(text: str) -> int:
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError("at least one, or no pod has a place")
    return number


if __name__ == "__main__":
    sys.exit(main())
