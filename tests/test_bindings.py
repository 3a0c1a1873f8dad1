"""Fast bindings: the same output as the plain ones, and a fallback where the packages look otherwise."""

import base64
import json
import os
import shutil
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from portal import bindings
from tests.conftest import ROOT

PORTAL = ROOT / "constructs" / "portal"


def python(code: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """Runs code in a new interpreter at the root of the project, with nothing set up."""
    plain = {k: v for k, v in os.environ.items() if k not in {"NODE_OPTIONS", bindings.EAGER_SWITCH}}
    return subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, 'constructs')\n{code}"],
        cwd=ROOT,
        env=plain | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def node(preload: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Runs Node with one of the preloads and nothing else set up."""
    return subprocess.run(
        ["node", "--require", str(PORTAL / preload), *arguments],
        env={k: v for k, v in os.environ.items() if k != "NODE_OPTIONS"},
        capture_output=True,
        text=True,
        check=True,
    )


def test_one_resource_loads_one_module() -> None:
    done = python(
        "from portal import bindings; bindings.install()\n"
        "from cdktf_cdktf_provider_aws.vpc import Vpc\n"
        "print(sum(name.startswith('cdktf_cdktf_provider_aws.') for name in sys.modules))"
    )
    assert done.stderr == ""
    assert int(done.stdout) <= 5


def test_a_package_that_looks_otherwise_is_left_alone_with_one_warning() -> None:
    done = python(
        "from portal import bindings\n"
        "bindings.PROVIDERS = (*bindings.PROVIDERS, 'nowhere')\n"
        "bindings.install()\n"
        "print('cdktf_cdktf_provider_nowhere' in sys.modules)"
    )
    assert done.returncode == 0
    assert done.stdout == "False\n"
    assert done.stderr.count("Warning") == 1
    assert "cdktf_cdktf_provider_nowhere is missing or not laid out as expected" in done.stderr


def test_types_of_arguments_are_worked_out_once_and_still_checked() -> None:
    done = python(
        "from portal import bindings; bindings.install()\n"
        "import typing\n"
        "def _typecheckingstub__a(x: int) -> None: ...\n"
        "def other(x: int) -> None: ...\n"
        "hints = typing.get_type_hints\n"
        "print(hints(_typecheckingstub__a) is hints(_typecheckingstub__a), hints(other) is hints(other))\n"
        "from cdktf import App, TerraformStack\n"
        "from cdktf_cdktf_provider_aws.vpc import Vpc\n"
        "stack = TerraformStack(App(), 's')\n"
        "for number in (1, 2):\n"
        "    try: Vpc(stack, f'vpc{number}', cidr_block=5)\n"
        "    except TypeError as error: print(error)\n"
    )
    assert done.stderr == ""
    remembered, *refusals = done.stdout.splitlines()
    assert remembered == "True False"
    assert len(refusals) == 2
    assert all("cidr_block" in refusal for refusal in refusals)


def test_the_switch_leaves_everything_plain() -> None:
    environment = {bindings.EAGER_SWITCH: "1"}
    before = dict(sys.modules), typing.get_type_hints
    bindings.install(environment)
    assert "NODE_OPTIONS" not in environment
    assert (sys.modules, typing.get_type_hints) == before


def test_node_options_of_the_user_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bindings, "PROVIDERS", ())
    environment = {"NODE_OPTIONS": "--max-old-space-size=4096"}
    bindings.install(environment)
    assert environment["NODE_OPTIONS"].endswith(" --max-old-space-size=4096"), "the last of two wins"


def test_a_folder_with_spaces_and_quotes_works(tmp_path: Path) -> None:
    folder = tmp_path / 'a "quoted" folder'
    folder.mkdir()
    shutil.copy(PORTAL / "lazy_assemblies.cjs", folder)
    option = f"--require {bindings._quoted(folder / 'lazy_assemblies.cjs')}"
    done = subprocess.run(
        ["node", "-e", "0"], env=os.environ | {"NODE_OPTIONS": option}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_deferred_module_answers_like_the_real_one(tmp_path: Path) -> None:
    library = tmp_path / "@cdktf" / "provider-x" / "lib"
    library.mkdir(parents=True)
    (library / "index.js").write_text('exports.thing = require("./thing");')
    # The second property as TypeScript writes a re-export: not configurable.
    (library / "thing.js").write_text(
        'console.log("loaded"); exports.Thing = class Thing {};'
        'Object.defineProperty(exports, "n", { enumerable: true, get: () => 1 });'
    )
    script = f"""
        const index = require({str(library / "index.js")!r});
        console.log("required");
        const thing = index.thing;
        console.log("Thing" in thing, Object.keys(thing).join(), thing.n, new thing.Thing().constructor.name);
    """
    done = node("lazy_assemblies.cjs", "-e", script)
    assert done.stdout.split("\n")[:3] == ["required", "loaded", "true Thing,n 1 Thing"]


def test_type_definitions_are_read_by_the_slice_and_other_files_as_ever(tmp_path: Path) -> None:
    definitions, plain = tmp_path / ".jsii.runtime-defs.v1.jsonl", tmp_path / "plain.jsonl"
    for file in (definitions, plain):
        file.write_text("one\ntwo\nthree\n")
    script = f"""
        const {{ readFileSync }} = require("fs");
        const sliced = readFileSync({str(definitions)!r});
        console.log(Buffer.isBuffer(sliced), JSON.stringify([sliced.toString("utf8", 4, 7), sliced.toString("utf8")]));
        console.log(Buffer.isBuffer(readFileSync({str(plain)!r})), readFileSync({str(definitions)!r}, "utf8").length);
    """
    done = node("lazy_assemblies.cjs", "-e", script)
    assert done.stdout.splitlines() == ['false ["two","one\\ntwo\\nthree\\n"]', "true 14"]


def test_python_is_asked_nothing_while_a_stack_is_made(tmp_path: Path) -> None:
    done = python(
        "from portal import bindings; bindings.install()\n"
        "import jsii._kernel\n"
        "def answer(kernel, question): raise AssertionError(question)\n"
        "jsii._kernel._handle_callback = answer\n"
        "from pathlib import Path\n"
        "from portal.app import synthesize\n"
        f"synthesize(Path('environments'), only=['bootstrap-aws'], outdir={str(tmp_path)!r})"
    )
    assert done.returncode == 0, done.stderr


def test_jsii_runs_in_one_process_and_what_is_printed_there_arrives(tmp_path: Path) -> None:
    talk = tmp_path / "talk.cjs"
    talk.write_text('setImmediate(() => { console.log("to be read"); console.error("to be seen"); });')
    done = python(
        "from portal import bindings; bindings.install()\n"
        "import cdktf, psutil\n"
        "print(len(psutil.Process().children(recursive=True)))\n",
        NODE_OPTIONS=f"--require {talk}",
    )
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == ["1", "to be read"]
    assert done.stderr == "to be seen\n"


def test_a_package_that_node_cannot_load_stops_what_comes_next() -> None:
    done = python(
        "from portal import bindings; bindings.install()\n"
        "from jsii._runtime import kernel\n"
        "kernel.load('lost', '1.0.0', '/nowhere/lost.tgz')\n"
        "print('goes on')\n"
        "import cdktf\n"
        "cdktf.App()"
    )
    assert done.returncode != 0
    assert done.stdout == "goes on\n"
    assert "/nowhere/lost.tgz" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("kernel", "ran"),
    [
        ("console.error({readFD:3,writeFD:3}); process.exit();", "{ readFD: 0, writeFD: 1 }"),
        ("throw 'a kernel of a kind not known';", "starter"),
    ],
)
def test_a_kernel_that_listens_otherwise_is_left_to_its_starter(tmp_path: Path, kernel: str, ran: str) -> None:
    files = {"bin/jsii-runtime.js": 'process.stderr.write("starter");', "lib/program.js": kernel}
    for name, source in files.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(source)
    done = node("one_process.cjs", str(tmp_path / "bin" / "jsii-runtime.js"))
    printed = base64.b64decode(json.loads(done.stderr)["stderr"]).decode() if ran != "starter" else done.stderr
    assert printed.strip() == ran


def test_a_reference_to_another_stack_is_refused(tmp_path: Path) -> None:
    done = python(
        "from portal import bindings; bindings.install()\n"
        "from cdktf import App, TerraformStack\n"
        "from cdktf_cdktf_provider_aws.vpc import Vpc\n"
        "from cdktf_cdktf_provider_aws.subnet import Subnet\n"
        f"app = App(outdir={str(tmp_path)!r}, skip_validation=True)\n"
        "vpc = Vpc(TerraformStack(app, 'one'), 'vpc')\n"
        "Subnet(TerraformStack(app, 'two'), 'subnet', vpc_id=vpc.id)\n"
        "app.synth()"
    )
    assert done.returncode != 0
    assert "Another stack refers to aws_vpc.vpc.id of one. A stack must be deployable by itself." in done.stderr


def test_the_first_run_is_the_one_that_finds_nothing_unpacked(tmp_path: Path) -> None:
    environment = {"JSII_RUNTIME_PACKAGE_CACHE_ROOT": str(tmp_path)}
    assert bindings.first_run(environment)
    (tmp_path / "@cdktf" / "provider-aws" / "21.0.0").mkdir(parents=True)
    assert not bindings.first_run(environment)


@pytest.mark.parametrize("lacking", ["_jsii", "provider"])
def test_a_package_laid_out_otherwise_is_not_registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lacking: str
) -> None:
    name = "cdktf_cdktf_provider_odd"
    for part in {"_jsii", "provider"} - {lacking}:
        (tmp_path / name / part).mkdir(parents=True)
        (tmp_path / name / part / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert not bindings._register(name)
    assert name not in sys.modules


@pytest.mark.slow
def test_eager_bindings_give_the_same_bytes(tmp_path: Path) -> None:
    """Every stack both ways. Takes a minute and 4 GB: that is what the fast bindings save."""
    outputs = []
    for name, environment in (("fast", {}), ("eager", {bindings.EAGER_SWITCH: "1"})):
        out = tmp_path / name
        done = python(
            "from pathlib import Path\nfrom portal import bindings; bindings.install()\n"
            f"from portal.app import synthesize; synthesize(Path('environments'), outdir={str(out)!r})",
            **environment,
        )
        assert done.returncode == 0, done.stderr
        outputs.append({f.parent.name: f.read_bytes() for f in (out / "stacks").glob("*/cdk.tf.json")})
    assert len(outputs[0]) >= 10
    assert outputs[0] == outputs[1]
