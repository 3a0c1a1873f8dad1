"""The load test for the stock command: `locust -f loadtest/locustfile.py --profile smoke --host http://...`"""

import logging
import os
import sys
from pathlib import Path

# `locust` puts this file's own directory on the path, not the one that holds the package.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import loadtest.plugin  # noqa: F401
from loadtest.data_file import BrokenFile
from loadtest.scenarios.journeys import journeys
from loadtest.scenarios.pace import load
from loadtest.shapes.shape import PlannedShape  # noqa: F401
from loadtest.variables import TOKEN_VARIABLE

with_token = bool(os.environ.get(TOKEN_VARIABLE))
if not with_token:
    logging.getLogger(__name__).warning("%s is not set: the journeys that need it are left out", TOKEN_VARIABLE)
try:
    # Locust takes what it finds under a name here.
    globals().update(journeys(load(), token=with_token))
except BrokenFile as broken:
    print(broken, file=sys.stderr)
    sys.exit(2)
