"""`python -m loadtest`: Locust's help with the options of the load test; its own --help reads no locustfile."""

from locust.argument_parser import get_parser

import loadtest.plugin  # noqa: F401

get_parser().print_help()
