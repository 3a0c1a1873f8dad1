"""A scene whose load is Locust's: its requests reach a gateway on loopback, which counts what arrives for whom.

The pods behind the gateway are simulated. What they use follows from the requests that came, split over the ready ones.
"""

import asyncio
import os
import subprocess
import sys
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from loadtest.autoscaling.findings import Hold
from loadtest.autoscaling.replay import Pod
from loadtest.autoscaling.steps import Calibration
from loadtest.report.document import DOCUMENT, Document
from loadtest.variables import STAND_INS_VARIABLE
from tests.cluster.scenes import CPU_MILLI, ENDS_WITHIN_SECONDS, NAME, Scene, Stage
from tools.cluster.controlplane import ROOT, ControlPlane

CALIBRATION: Final = Calibration(resource="cpu", request_milli=CPU_MILLI, idle_milli=50, milli_per_rps=250)
"""A request is dear, so that eleven scenes side by side are a load that two cores can make."""
STARTING_MILLI: Final = 600
"""What a pod burns until it is ready, whoever may ask for something."""
READY_AFTER: Final = "3s"
STAND_INS: Final = "the pods are simulated: their use is worked out from the requests that the gateway received"
JOURNEY: Final = "PortalHealth"
"""The one whose answers the gateway knows."""
OBJECTIVES: Final = "objectives: [{name: answers, phases: [transient], error_ratio: 0.001}]"


class Gateway:
    """One port for each autoscaler. `arrivals`: when requests came, in seconds since 1970."""

    def __init__(self) -> None:
        self.arrivals: list[float] = []
        self.address = ""

    def received_rps(self, until: float, seconds: float) -> float:
        first, last = (bisect_left(self.arrivals, moment) for moment in (until - seconds, until))
        return (last - first) / seconds

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b'{"status": "ok"}'
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.arrivals.append(time.time())
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@contextmanager
def gateways(count: int) -> Iterator[list[Gateway]]:
    """In one thread, all of them."""
    loop, found = asyncio.new_event_loop(), [Gateway() for _ in range(count)]
    servers = [loop.run_until_complete(asyncio.start_server(each.answer, "127.0.0.1", 0)) for each in found]
    for gateway, server in zip(found, servers, strict=True):
        gateway.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a Locust process ended."""

    exit_code: int
    output: str
    report: Document


class LoadedStage(Stage):
    """Under the load of a Locust process of its own, which also samples and judges."""

    calibration = CALIBRATION
    rps_per_replica = 2.6

    def __init__(
        self, cluster: ControlPlane, scene: Scene, gateway: Gateway, folder: Path, planned: Sequence[Hold]
    ) -> None:
        super().__init__(cluster, scene, planned, folder)
        self.gateway, self.folder = gateway, folder / self.namespace
        self._locust: subprocess.Popen[bytes] | None = None

    def annotations(self) -> dict[str, str]:
        return {"cluster.portal/ready-after": READY_AFTER} | super().annotations()

    def rate_rps(self, now: float) -> float:
        return self.gateway.received_rps(now, self.scrape_seconds)

    def cpu_milli(self, pod: Pod, share_rps: float) -> int:
        return super().cpu_milli(pod, share_rps) if pod.ready else STARTING_MILLI

    def start(self) -> None:
        self.folder.mkdir()
        (self.folder / "autoscaling.yaml").write_text(yaml.safe_dump(self.watched()))
        (self.folder / "slo.yaml").write_text(OBJECTIVES)
        command = [str(Path(sys.executable).with_name("locust")), "-f", str(ROOT / "loadtest/locustfile.py"), JOURNEY]
        command += ["--headless", "--host", self.gateway.address, "--users", "20", "--arrivals", "constant"]
        command += ["--autoscaling", "autoscaling.yaml", "--slo", "slo.yaml", "--report-dir", "report"]
        command += self.arguments()
        environment = {**os.environ, "KUBECONFIG": str(self.cluster.kubeconfig), STAND_INS_VARIABLE: STAND_INS}
        with self._log.open("w") as log:
            self._locust = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)
        # The first asks whether the target is there; then the run begins.
        self.cluster.wait(lambda: len(self.gateway.arrivals) > 1, f"load in {self.namespace}")
        self.started = self.gateway.arrivals[1]
        self.act()

    @cached_property
    def _log(self) -> Path:
        return self.folder / "locust.log"

    def arguments(self) -> list[str]:
        """Further ones of Locust."""
        return []

    def watched(self) -> dict[str, Any]:
        steps = [
            {
                "replicas": hold.replicas,
                "rate_rps": hold.rate_rps * self.scene.load_share,
                "hold_seconds": hold.end_seconds - hold.start_seconds,
            }
            for hold in self.planned
        ]
        return {
            "namespace": self.namespace,
            "hpa": NAME,
            "interval_seconds": 1,
            "rps_per_replica": self.rps_per_replica,
            "time_scale": self.scene.time_scale,
            "steps": steps,
        }

    def under_way(self) -> bool:
        assert self._locust is not None
        return self._locust.poll() is None

    def finish(self) -> None:
        assert self._locust is not None
        self._locust.wait(ENDS_WITHIN_SECONDS)

    def ended(self) -> Ended:
        assert self._locust is not None
        report = DOCUMENT.validate_json((self.folder / "report/report.json").read_bytes())
        return Ended(exit_code=self._locust.returncode, output=self._log.read_text(), report=report)

    def kill(self) -> None:
        """Its sampler ends when it is gone."""
        if self._locust and self._locust.poll() is None:
            self._locust.kill()
            self._locust.wait()
