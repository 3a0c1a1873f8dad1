"""Which journeys a run is made of."""

from collections.abc import Collection, Mapping
from typing import Final

from locust import User

from loadtest.data_file import BrokenFile
from loadtest.scenarios.catalog import BrowseCatalog, BrowseCatalogAsGuest
from loadtest.scenarios.docs import ReadDocs
from loadtest.scenarios.frontend import Probe, VisitMarketplace
from loadtest.scenarios.health import PortalHealth
from loadtest.scenarios.pace import Pace
from loadtest.scenarios.scaffold import Scaffold
from loadtest.scenarios.search import Search
from loadtest.scenarios.signin import SignIn
from loadtest.scenarios.visitor import Visitor
from loadtest.users import PortalUser
from loadtest.variables import TOKEN_VARIABLE

ALL: Final[tuple[type[PortalUser], ...]] = (
    PortalHealth,
    Probe,
    BrowseCatalog,
    BrowseCatalogAsGuest,
    Search,
    ReadDocs,
    VisitMarketplace,
    SignIn,
    Scaffold,
)
NO_TOKEN: Final = f"{TOKEN_VARIABLE} is not set"


def journeys(paces: Mapping[str, Pace], *, token: bool) -> dict[str, type[PortalUser]]:
    """Those that somebody takes, each at its pace, by name; without a token only those that need none."""
    known = {journey.__name__: journey for journey in ALL}
    if wrong := sorted(set(known) ^ set(paces)):
        raise BrokenFile(f"journeys.yaml and the journeys differ in: {', '.join(wrong)}; each has one entry there")
    chosen = {}
    for name, journey in known.items():
        pace = paces[name]
        journey.weight, journey.think_seconds = pace.weight, pace.think_seconds
        # Locust offers nobody an abstract class.
        journey.abstract = not pace.weight or (needs_token(journey) and not token)
        if not journey.abstract:
            chosen[name] = journey
    return chosen


def needs_token(journey: type[PortalUser]) -> bool:
    return issubclass(journey, Visitor) and journey.identity == "static"


def left_out(ran: Collection[type[User]]) -> dict[str, str]:
    """Of our journeys those that a run is without, and why; nothing of a run that is made of others."""
    if not set(ALL) & set(ran):
        return {}
    return {journey.__name__: _why(journey) for journey in ALL if journey not in ran}


def _why(journey: type[PortalUser]) -> str:
    if not journey.abstract:
        return "not asked for"
    return NO_TOKEN if journey.weight else "its weight is 0"
