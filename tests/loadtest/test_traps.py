"""Traps of load testing, each with a real Locust that would fall into it."""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.loadtest.autoscaling.fake_api import FakeApi, kubeconfig, served
from tests.loadtest.conftest import Run, Target, seen_by
from tests.loadtest.stub import Handler

Serve = Callable[..., Target]
Locust = Callable[..., Run]
Written = Callable[[str], Path]

pytestmark = [pytest.mark.slow, pytest.mark.realtime]

LOAD = ("--profile", "steady", "--rate", "20", "--stop-timeout", "1", "--arrivals", "constant")


def test_who_came_while_the_target_stood_still_is_counted_with_the_wait(serve: Serve, locust: Locust) -> None:
    """Coordinated omission: a closed loop sends nothing meanwhile, and sees a fast target."""
    target = serve()
    run = locust(*LOAD, "--run-time", "8s", host=target.url)
    run.wait_for("All users spawned")
    time.sleep(3)
    target.freeze()
    time.sleep(2.5)
    target.thaw()
    assert run.ended() == 1, run.output
    assert run.report["arrivals"]["started"] == run.report["arrivals"]["planned"] == pytest.approx(152, abs=2)
    (steady,) = (each for each in run.report["endpoints"] if each["phase"] == "steady")
    assert steady["latency_ms"]["p95"] > 1500
    assert steady["latency_ms"]["p50"] < 200


def test_what_makes_locust_forget_its_statistics_takes_nothing_from_ours(serve: Serve, locust: Locust) -> None:
    """`--json` clears them before the end, `--reset-stats` whenever the shape has spawned."""
    run = locust(*LOAD, "--run-time", "4s", "--json", "--reset-stats", host=serve().url)
    assert run.ended() == 0, run.output
    assert sum(each["requests"] for each in run.report["endpoints"]) == run.report["arrivals"]["planned"] > 50


def test_users_that_are_slow_to_spawn_skip_no_phase(serve: Serve, locust: Locust, locustfile: Written) -> None:
    """A shape's tick blocks while users are spawned."""
    file = locustfile("Asking.prepare = lambda self: time.sleep(1.5)\n")
    load = ("--profile", "ramp", "--rate", "40", "--arrivals", "constant", "--run-time", "10s")
    run = locust(*load, "--stop-timeout", "1", host=serve().url, file=file)  # fmt: skip
    run.ended()
    assert {each["phase"] for each in run.report["endpoints"]} == {"warm-up", "ramp", "steady", "cool-down"}
    assert run.report["duration_seconds"] == 10


def test_connections_are_made_anew_so_that_new_pods_get_their_share(
    serve: Serve, locust: Locust, locustfile: Written
) -> None:
    """Keep-alive would leave every user with the pods that were there at its first request."""
    target = serve()
    file = locustfile("Asking.connection_seconds = 1.0\n")
    run = locust("--profile", "steady", "--arrivals", "closed", "--users", "2", "--run-time", "6s",
                 host=target.url, file=file)  # fmt: skip
    assert run.ended() == 0, run.output
    requests = sum(each["requests"] for each in run.report["endpoints"])
    # One of the preflight, one of the question; both users keep theirs for a second, think time and all.
    assert 6 <= seen_by(target)["connections"] <= requests + 2


def test_connections_are_kept_in_between(serve: Serve, locust: Locust, locustfile: Written) -> None:
    target = serve()
    run = locust(*LOAD, "--run-time", "4s", "--users", "2", host=target.url, file=locustfile(""))
    assert run.ended() == 0, run.output
    assert seen_by(target)["connections"] <= 4


GUEST = """
class Guest(Visitor):
    identity = "guest"

    @task
    def ask(self):
        with self.ask_("/api/catalog/x"):
            pass

    def ask_(self, path):
        return Visitor.ask(self, "GET", path, name=path)


del Asking
"""


def test_a_plan_longer_than_a_tokens_life_renews_it_before_it_expires(
    serve: Serve, locust: Locust, locustfile: Written
) -> None:
    target = serve("--token-seconds", "3")
    run = locust("--profile", "steady", "--arrivals", "constant", "--rate", "5", "--users", "2", "--run-time", "10s",
                 host=target.url, file=locustfile(GUEST))  # fmt: skip
    assert run.ended() == 0, run.output
    # Ten seconds of tokens that are renewed after 2.4; the user who became free last goes first, so one may do it all.
    assert 4 <= seen_by(target)["tokens"] <= 2 * 6


def test_an_expired_token_would_be_seen(serve: Serve, locust: Locust, locustfile: Written) -> None:
    file = locustfile(GUEST + "\nimport loadtest.scenarios.visitor as visitor\nvisitor.REFRESH_AT = 10\n")
    run = locust("--profile", "steady", "--rate", "5", "--users", "2", "--run-time", "6s",
                 host=serve("--token-seconds", "2").url, file=file)  # fmt: skip
    assert run.ended() == 1, run.output
    assert any("HTTP 401" in reason for each in run.report["endpoints"] for reason in each["failures"])


STEPS = """
namespace: developer-portal
hpa: portal-frontend
interval_seconds: 0.5
steps: [{replicas: 6, rate_rps: 20, hold_seconds: 5}]
"""


def test_the_autoscaler_is_watched_once_however_many_workers_there_are(
    serve: Serve, locust: Locust, tmp_path: Path
) -> None:
    """Locust's `init`, `test_start` and `quitting` come on workers too."""
    (tmp_path / "autoscaling.yaml").write_text(STEPS)
    with served(FakeApi()) as port:
        kubeconfig(tmp_path, port)
        run = locust("--autoscaling", str(tmp_path / "autoscaling.yaml"), "--processes", "3", "--stop-timeout", "1",
                     host=serve().url, KUBECONFIG=str(tmp_path / "kubeconfig"))  # fmt: skip
        run.wait_for("All users spawned")
        time.sleep(1)
        watching = [each for each in run.children() if "loadtest.autoscaling" in each.cmdline()]
        assert [each.ppid() for each in watching] == [run.process.pid]
        run.ended()
        assert not psutil.wait_procs(watching, timeout=5)[1]


@pytest.fixture
def untrusted(tmp_path: Path) -> Iterator[str]:
    """A target with TLS, and a certificate that it wrote itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    since = datetime.now(UTC) - timedelta(hours=1)
    builder = builder.not_valid_before(since).not_valid_after(since + timedelta(days=1))
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = builder.add_extension(alternative, critical=False).sign(key, hashes.SHA256())
    pem = tmp_path / "server.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_tls_works_and_a_certificate_that_nobody_vouches_for_is_refused(untrusted: str, locust: Locust) -> None:
    """What is loaded before Locust replaces the sockets ends in a RecursionError on the first TLS connection."""
    run = locust(*LOAD, "--run-time", "2s", host=untrusted)
    assert run.ended() == 3, run.output
    assert "certificate verify failed" in run.reasons()[0]
    assert "RecursionError" not in run.output


def test_tls_connections_are_loaded_when_the_certificate_is_let_through(
    untrusted: str, locust: Locust, locustfile: Written
) -> None:
    file = locustfile("Asking.insecure = True\n")
    run = locust(*LOAD, "--run-time", "3s", "--health-path", "", host=untrusted, file=file)
    assert run.ended() == 0, run.output
    assert sum(each["requests"] for each in run.report["endpoints"]) > 30


def test_workers_do_not_outlive_a_master_that_was_killed(serve: Serve, locust: Locust) -> None:
    run = locust(*LOAD, "--run-time", "60s", "--processes", "2", host=serve().url)
    run.wait_for("All users spawned")
    workers = run.children()
    assert len(workers) >= 2
    run.process.kill()
    run.process.wait()
    assert not psutil.wait_procs(workers, timeout=20)[1]
