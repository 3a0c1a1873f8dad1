"""What the target must hold to, and whether it did."""

from loadtest.slo.evaluate import Outcome, evaluate
from loadtest.slo.spec import Objective, Objectives, load

__all__ = ["Objective", "Objectives", "Outcome", "evaluate", "load"]
