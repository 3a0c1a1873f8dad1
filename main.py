"""The cdktf app: `cdktf synth`, `diff` and `deploy` run it (see cdktf.json)."""

import sys
from pathlib import Path

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT / "constructs"))

from portal import bindings  # noqa: E402
from portal.errors import PortalError  # noqa: E402
from portal.prerequisites import check_node  # noqa: E402


def main() -> int:
    """Synthesizes every stack. Returns the exit code: 0, or 2 with one message on standard error."""
    try:
        check_node()
        if bindings.first_run():
            print(bindings.FIRST_RUN_NOTICE, file=sys.stderr)
        bindings.install()
        from portal.app import synthesize  # noqa: PLC0415  (imports cdktf, which the bindings precede)

        synthesize(ROOT / "environments")
    except PortalError as error:
        print(error, file=sys.stderr)
        return PortalError.EXIT_CODE
    return 0


if __name__ == "__main__":
    sys.exit(main())
