"""The sampler as a process: `python -m loadtest.autoscaling --namespace developer-portal --hpa portal-frontend FILE`.

A process of its own because the Kubernetes client loads urllib3, which Locust must not have before gevent; and because
an overloaded generator must not slow the readings down. Ends on SIGTERM, SIGINT, or when its parent is gone.
"""

import argparse
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import yaml

from loadtest.autoscaling.sampler import Sampler
from loadtest.autoscaling.source import Source, Unreadable
from loadtest.autoscaling.spec import UnsupportedAutoscaler


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m loadtest.autoscaling",
        description="Record what an autoscaler sees and does.",
        epilog="Example: python -m loadtest.autoscaling --namespace developer-portal --hpa portal-frontend lines.jsonl",
    )
    parser.add_argument("out", type=Path, help="file of JSON lines; what is there is written over")
    parser.add_argument("--namespace", required=True)
    parser.add_argument("--hpa", required=True, help="name of the HorizontalPodAutoscaler")
    parser.add_argument("--context", help="kubeconfig context; default: the current one, or the cluster around us")
    parser.add_argument("--interval-seconds", type=_interval, default=2.0, help="between two readings (default: 2)")
    parser.add_argument("--prometheus", help="address of a Prometheus to read from instead of the API server")
    parser.add_argument("--hpa-file", type=Path, help="manifest of the HPA; needed with --prometheus")
    parser.add_argument("--prometheus-token-file", type=Path)
    options = parser.parse_args(arguments)
    if options.prometheus and not options.hpa_file:
        parser.error("--prometheus needs --hpa-file: no metric tells an autoscaler's behavior")
    try:
        source = _source(options)
        out = options.out.open("w")
    except (OSError, yaml.YAMLError, Unreadable, UnsupportedAutoscaler) as error:
        parser.error(f"{type(error).__name__}: {error}")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    parent = os.getppid()
    with out:
        sampler = Sampler(
            source, out, namespace=options.namespace, name=options.hpa, interval_seconds=options.interval_seconds
        )
        sampler.run(lambda wait: ended.wait(max(wait, 0)) or os.getppid() != parent)
    return 0


def _interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a positive number of seconds")
    return seconds


def _source(options: argparse.Namespace) -> Source:
    if options.prometheus:
        from loadtest.autoscaling.prometheus_api import PrometheusApi  # noqa: PLC0415

        manifest: Any = yaml.safe_load(options.hpa_file.read_text())
        try:
            return PrometheusApi(url=options.prometheus, manifest=manifest, token_file=options.prometheus_token_file)
        except UnsupportedAutoscaler:
            raise
        except (LookupError, TypeError, AttributeError, ValueError) as error:
            raise UnsupportedAutoscaler(
                f"{options.hpa_file} is no manifest of a HorizontalPodAutoscaler: {type(error).__name__} {error}"
            ) from error
    from loadtest.autoscaling.kubernetes_api import KubernetesApi  # noqa: PLC0415  takes a second to load

    api = KubernetesApi(namespace=options.namespace, hpa=options.hpa, context=options.context)
    api.connect()
    return api


if __name__ == "__main__":
    sys.exit(main())
