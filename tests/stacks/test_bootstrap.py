"""Before there is a bucket for states."""

import json
from pathlib import Path

from cdktf import App

from portal.spec.loader import Environments
from portal.stacks.bootstrap import AwsBootstrap


def test_before_its_bucket_exists_its_state_is_a_file(environments: Environments, tmp_path: Path) -> None:
    shared = environments.shared
    aws = shared.clouds.aws.model_copy(update={"state_in_bucket": False})
    first = environments.model_copy(
        update={"shared": shared.model_copy(update={"clouds": shared.clouds.model_copy(update={"aws": aws})})}
    )
    app = App(outdir=str(tmp_path))
    AwsBootstrap(app, "bootstrap-aws", environments=first)
    app.synth()
    backend = json.loads((tmp_path / "stacks" / "bootstrap-aws" / "cdk.tf.json").read_text())["terraform"]["backend"]
    assert backend == {"local": {"path": "../../../bootstrap-aws.tfstate"}}
