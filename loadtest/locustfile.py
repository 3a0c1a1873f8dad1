"""The load test for the stock command: `locust -f loadtest/locustfile.py --profile smoke --host http://...`"""

import sys
from pathlib import Path

# `locust` puts this file's own directory on the path, not the one that holds the package.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import loadtest.plugin  # noqa: F401
from loadtest.scenarios.health import PortalHealth  # noqa: F401
from loadtest.shapes.shape import PlannedShape  # noqa: F401
