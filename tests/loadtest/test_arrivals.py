"""Arrivals come by the plan, whatever the target does and however many workers there are."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from time import perf_counter

import pytest
from gevent import sleep, spawn
from hypothesis import given, settings
from hypothesis import strategies as st

from loadtest.arrivals import Dispatcher, due_times, of_worker, planned_per_second
from loadtest.run import Phase, Plan


def clock() -> Callable[[], float]:
    zero = perf_counter()
    return lambda: perf_counter() - zero


def phases(*rates: float, seconds: float = 10) -> tuple[Phase, ...]:
    return tuple(
        Phase(
            name="steady",
            label=f"{number}",
            start_seconds=number * seconds,
            end_seconds=(number + 1) * seconds,
            offered_rps=rate,
        )
        for number, rate in enumerate(rates)
    )


def test_a_constant_rate_keeps_equal_distances_over_a_change_of_rate() -> None:
    due = list(due_times(phases(10, 100), share=1, kind="constant", seed="a"))
    distances = [round(b - a, 6) for a, b in pairwise(due)]
    assert set(distances[:98]) == {0.1}
    assert set(distances[100:]) == {0.01}
    assert len(due) == pytest.approx(1100, abs=1)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.lists(st.floats(min_value=0, max_value=200), min_size=1, max_size=5),
    st.integers(min_value=1, max_value=7),
    st.sampled_from(["constant", "poisson"]),
)
def test_workers_together_make_the_one_schedule(rates: list[float], workers: int, kind: str) -> None:
    def schedule() -> list[float]:
        return list(due_times(phases(*rates), share=0.5, kind=kind, seed="s"))  # type: ignore[arg-type]

    parts = [list(of_worker(iter(schedule()), position=index, workers=workers)) for index in range(workers)]
    assert sorted(due for part in parts for due in part) == schedule()


def test_poisson_arrivals_have_the_rate_and_the_spread_of_a_poisson_process() -> None:
    due = list(due_times(phases(50, seconds=400), share=1, kind="poisson", seed="p"))
    assert len(due) == pytest.approx(20_000, rel=0.02)
    counts = [0] * 400
    for at in due:
        counts[int(at)] += 1
    mean = sum(counts) / len(counts)
    variance = sum((count - mean) ** 2 for count in counts) / len(counts)
    assert variance / mean == pytest.approx(1, abs=0.25)


def test_the_same_seed_gives_the_same_arrivals_and_another_gives_others() -> None:
    def times(seed: str) -> list[float]:
        return list(due_times(phases(20), share=1, kind="poisson", seed=seed))

    assert times("a") == times("a") != times("b")


def test_no_arrivals_are_due_in_a_phase_without_load() -> None:
    due = list(due_times(phases(10, 0, 10), share=1, kind="poisson", seed="a"))
    assert not [at for at in due if 10 <= at < 20]
    assert [at for at in due if at >= 20]


def test_what_was_planned_is_counted_over_all_kinds_of_users() -> None:
    plan = Plan(profile="x", model="open", arrivals="constant", phases=phases(10))
    planned = planned_per_second(plan, [("A", 0.7), ("B", 0.3)], until_seconds=8.5)
    assert len(planned) == 8
    assert sum(planned) == pytest.approx(80, abs=2)


class TestDispatcher:
    def test_the_last_to_become_free_is_the_first_to_go(self) -> None:
        served: list[str] = []
        dispatcher = Dispatcher(iter([0.1, 0.2]), now=clock())
        for name in ("first", "second"):
            spawn(lambda name=name: served.append(f"{name} at {dispatcher.take()}"))
            sleep(0)
        sleep(0.3)
        assert served == ["second at 0.1", "first at 0.2"]

    def test_who_waits_for_a_user_is_served_in_order_and_not_forgotten(self) -> None:
        dispatcher = Dispatcher(iter([1.0, 2.0, 3.0]), now=lambda: 10.0)
        sleep(0)
        assert [dispatcher.take() for _ in range(3)] == [1.0, 2.0, 3.0]

    def test_who_waited_beyond_patience_is_gone(self) -> None:
        dropped: list[tuple[float, float]] = []
        dispatcher = Dispatcher(
            iter([1.0, 5.0]), now=lambda: 10.0, patience_seconds=6, dropped=lambda *each: dropped.append(each)
        )
        sleep(0)
        assert dispatcher.take() == 5.0
        assert dropped == [(1.0, 6)]

    def test_at_the_end_all_that_are_due_and_have_nobody_are_dropped_and_no_others(self) -> None:
        at, dropped = 0.0, list[tuple[float, float]]()

        def schedule() -> Iterator[float]:
            yield from (1.0, 2.0, 3.0, 4.0)
            raise AssertionError("nobody asks beyond the end")

        dispatcher = Dispatcher(schedule(), now=lambda: at, dropped=lambda *each: dropped.append(each))
        # It sleeps until the first is due, and the end comes before it wakes: a busy machine.
        sleep(0)
        at = 3.5
        dispatcher.close()
        at = 5.0
        dispatcher.close()
        dispatcher.drop_rest()
        assert dropped == [(1.0, 4.0), (2.0, 3.0), (3.0, 2.0)]
        assert dispatcher.waiting == 0

    def test_who_comes_as_the_run_ends_was_not_dropped_where_a_user_was_free(self) -> None:
        at, dropped = 0.0, list[tuple[float, float]]()
        dispatcher = Dispatcher(iter([1.0]), now=lambda: at, dropped=lambda *each: dropped.append(each))
        waiting = spawn(dispatcher.take)
        sleep(0)
        at = 1.001
        dispatcher.close()
        dispatcher.drop_rest()
        assert dropped == []
        waiting.kill()

    def test_a_user_that_is_stopped_while_it_waits_gets_no_arrival(self) -> None:
        dispatcher = Dispatcher(iter([0.1]), now=clock())
        served: list[float] = []
        spawn(lambda: served.append(dispatcher.take()))
        sleep(0)
        stopped = spawn(dispatcher.take)
        sleep(0)
        stopped.kill()
        sleep(0.2)
        assert served == [0.1]
