"""Requests a second: out of Locust's statistics, out of what other generators print, and one against the other."""

import pytest

from loadtest.bench.generator import settled_rate
from loadtest.bench.others import GENERATORS
from loadtest.bench.users import cost_percent

PRINTED = {
    "wrk": """Running 8s test @ http://127.0.0.1:41231
  1 threads and 20 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   510.52us  187.41us   9.64ms   91.44%
    Req/Sec    36.40k     1.96k   39.27k    78.75%
  289711 requests in 8.00s, 44.48MB read
Requests/sec:  36207.89
Transfer/sec:      5.56MB
""",
    "hey": """
Summary:
  Total:	8.0006 secs
  Slowest:	0.0191 secs
  Fastest:	0.0001 secs
  Average:	0.0009 secs
  Requests/sec:	21780.5821

  Total data:	2788112 bytes
  Size/request:	16 bytes
""",
    "k6": """
  █ TOTAL RESULTS

    HTTP
    http_req_duration..............: avg=1.5ms   min=90.1µs med=1.3ms max=35.2ms p(90)=2.6ms p(95)=3.2ms
      { expected_response:true }...: avg=1.5ms   min=90.1µs med=1.3ms max=35.2ms p(90)=2.6ms p(95)=3.2ms
    http_req_failed................: 0.00%  0 out of 96012
    http_reqs......................: 96012  11998.74214/s

    EXECUTION
    iterations.....................: 96012  11998.74214/s
""",
}


@pytest.mark.parametrize(("name", "rate"), [("wrk", 36207.89), ("hey", 21780.5821), ("k6", 11998.74214)])
def test_what_others_print_is_read(name: str, rate: float) -> None:
    (generator,) = (each for each in GENERATORS if each.name == name)
    assert generator.rate(PRINTED[name]) == rate
    assert generator.rate("unable to connect to 127.0.0.1:1 Connection refused\n") is None


def test_the_rate_is_that_of_whole_seconds_with_all_users() -> None:
    coming_going = {"100": 7, "101": 50, "102": 100, "103": 110, "104": 12}
    assert settled_rate([coming_going]) == 105
    assert settled_rate([coming_going, {"103": 10}]) == 110, "of all endpoints together"
    assert settled_rate([{"102": 100, "105": 100}]) == 0, "a second without requests counts as one"


def test_a_run_without_such_a_second_has_no_rate() -> None:
    assert settled_rate([]) is None
    assert settled_rate([{"100": 7, "101": 50, "102": 100}]) is None


def test_a_machine_that_gets_slower_costs_neither_side_anything() -> None:
    assert cost_percent(ours=[95, 47.5, 19], stock=[100, 50, 20]) == pytest.approx(5)


def test_one_round_that_went_wrong_decides_nothing() -> None:
    assert cost_percent(ours=[97, 20, 97], stock=[100, 100, 100]) == pytest.approx(3)
