"""What the machine must have for a synthesis: checked in one place, said in one line."""

import os
import subprocess
from collections.abc import Mapping

from portal.errors import PortalError

OLDEST_NODE_MAJOR = 20


def check_node(environment: Mapping[str, str] = os.environ) -> None:
    """Raises `PortalError` if the Node.js that jsii would start is missing or too old.

    jsii starts `JSII_NODE` where it is set, else `node`; on an old one it fails deep inside its own code.
    """
    node = environment.get("JSII_NODE", "node")
    try:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout.strip()
        major = int(version.removeprefix("v").partition(".")[0])
    except (OSError, subprocess.CalledProcessError, ValueError):
        raise PortalError(f"Node.js {OLDEST_NODE_MAJOR} or newer is needed; '{node}' cannot be started.") from None
    if major < OLDEST_NODE_MAJOR:
        raise PortalError(f"Node.js {OLDEST_NODE_MAJOR} or newer is needed; '{node}' is {version}.")
