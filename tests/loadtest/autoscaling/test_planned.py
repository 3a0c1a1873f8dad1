"""Phases that aim at replicas become what is held against the autoscaler."""

from loadtest.autoscaling.findings import Hold
from loadtest.autoscaling.planned import holds
from loadtest.run import Phase, PhaseName


def phase(name: PhaseName, start: float, end: float | None, rps: float | None, replicas: int | None) -> Phase:
    return Phase(name=name, label=name, start_seconds=start, end_seconds=end, offered_rps=rps, replicas=replicas)


def test_the_transient_and_the_steady_phase_of_a_step_are_one_hold() -> None:
    found = holds(
        [
            phase("warm-up", 0, 30, 10, None),
            phase("transient", 30, 60, 100, 5),
            phase("steady", 60, 120, 100, 5),
            phase("transient", 120, 150, 200, 10),
            phase("steady", 150, 300, 200, 10),
            phase("cool-down", 300, 1300, 0, 3),
        ]
    )
    assert found == (
        Hold(start_seconds=30, end_seconds=120, rate_rps=100, replicas=5),
        Hold(start_seconds=120, end_seconds=300, rate_rps=200, replicas=10),
        Hold(start_seconds=300, end_seconds=1300, rate_rps=0, replicas=3),
    )


def test_phases_without_an_aim_or_an_end_are_not_judged() -> None:
    assert holds([phase("steady", 0, 60, 10, None), phase("steady", 60, None, 10, 5)]) == ()
