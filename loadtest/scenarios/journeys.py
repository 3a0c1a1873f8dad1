"""Which journeys a run is made of."""

from collections.abc import Mapping
from typing import Final

from loadtest.data_file import BrokenFile
from loadtest.scenarios.catalog import BrowseCatalog, BrowseCatalogAsGuest
from loadtest.scenarios.docs import ReadDocs
from loadtest.scenarios.frontend import Probe, VisitMarketplace
from loadtest.scenarios.health import PortalHealth
from loadtest.scenarios.pace import Pace
from loadtest.scenarios.scaffold import Scaffold
from loadtest.scenarios.search import Search
from loadtest.scenarios.signin import SignIn
from loadtest.users import PortalUser

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
WITHOUT_TOKEN: Final[tuple[type[PortalUser], ...]] = (PortalHealth,)


def journeys(paces: Mapping[str, Pace], *, token: bool) -> dict[str, type[PortalUser]]:
    """Those that somebody takes, each at its pace, by name; without a token only what anybody may ask."""
    known = {journey.__name__: journey for journey in ALL}
    if wrong := sorted(set(known) ^ set(paces)):
        raise BrokenFile(f"journeys.yaml and the journeys differ in: {', '.join(wrong)}; each has one entry there")
    chosen = {}
    for journey in ALL if token else WITHOUT_TOKEN:
        pace = paces[journey.__name__]
        journey.weight, journey.think_seconds = pace.weight, pace.think_seconds
        if pace.weight:
            chosen[journey.__name__] = journey
    return chosen
