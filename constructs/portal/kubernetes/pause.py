"""Time for controllers to clean up when an environment is destroyed."""

from collections.abc import Sequence

from cdktf import ITerraformDependable
from cdktf_cdktf_provider_time.sleep import Sleep
from constructs import Construct


class PauseOnDestroy(Construct):
    """Sits between what asks a controller for something and the controller that has to take it back.

    Terraform counts an object as destroyed when the API server has forgotten it, which is before its volume, network
    interface or load balancer is gone. What comes `after` this pause on create is gone `seconds` before `controllers`
    on destroy. Creating waits for nothing.
    """

    def __init__(self, scope: Construct, id: str, *, controllers: Sequence[ITerraformDependable], seconds: int) -> None:
        super().__init__(scope, id)
        self.after: tuple[ITerraformDependable, ...] = (
            Sleep(self, "Default", destroy_duration=f"{seconds}s", depends_on=list(controllers)),
        )
