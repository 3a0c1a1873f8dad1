"""What our user costs: its requests per second beside those of Locust's own, at the same target."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from loadtest.bench.figure import Figure, Part, Say
from loadtest.bench.generator import locust
from loadtest.bench.target import serving

HERE: Final = Path(__file__).parent
USERS: Final = 20
COST_PERCENT: Final = 5.0


class Kind(NamedTuple):
    what: str
    file: str
    user: str
    arguments: tuple[str, ...] = ()


KINDS: Final = (
    Kind("stock FastHttpUser", "stock_user.py", "Stock"),
    Kind("our user", "portal_user.py", "Unchecked", ("--report-dir", "report")),
    Kind("our user with the checks of a journey", "portal_user.py", "Checked", ("--report-dir", "report")),
)


class Rounds(NamedTuple):
    """`seconds` of each kind in each."""

    turns: int
    seconds: int


def figures(folder: Path, say: Say, rounds: Rounds) -> Iterator[Figure]:
    """In turns, so that a machine that gets slower is slower for all of them."""
    rates: dict[str, list[float]] = {kind.user: [] for kind in KINDS}
    limits = ("--users", str(USERS), "--spawn-rate", str(USERS), "--run-time", str(rounds.seconds))
    with serving() as target:
        for turn in range(rounds.turns):
            for kind in KINDS:
                say(f"{kind.what}, {turn + 1} of {rounds.turns}")
                arguments = (kind.user, *limits, *kind.arguments)
                with locust(HERE / kind.file, target.url, folder / f"{kind.user}-{turn}", *arguments) as run:
                    run.wait(rounds.seconds)
                    rates[kind.user].append(run.requests_per_second())
    for kind in KINDS:
        found = rates[kind.user]
        note = f"{min(found):,.0f} to {max(found):,.0f} in {rounds.turns} rounds"
        yield Figure(what=kind.what, measured=median(found), unit="requests/s", note=note)
    stock, ours, checked = rates.values()
    cost = cost_percent(ours, stock)
    yield Figure(what="our user costs", measured=cost, unit="%", at_most=COST_PERCENT, note="of stock requests/s")
    yield Figure(what="with checks it costs", measured=cost_percent(checked, stock), unit="%")


def cost_percent(ours: Sequence[float], stock: Sequence[float]) -> float:
    """The median over the rounds: each is compared with what ran beside it."""
    return median(100 * (1 - mine / theirs) for mine, theirs in zip(ours, stock, strict=True))


PART: Final = Part(about="our user class beside Locust's own", measure=figures, full=Rounds(5, 8), quick=Rounds(2, 5))
