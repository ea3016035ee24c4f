"""The architecture, held: layers, a core without a shell, no import of the lazy top level, short files."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "entropyjax"
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 300


def _importlinter(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    code = "from importlinter.cli import lint_imports_command as run; run(prog_name='lint-imports')"
    command = [sys.executable, "-c", code, "--no-cache", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def _submodules(package: Path) -> set[str]:
    modules = {path.stem for path in package.glob("*.py")}
    return modules | {path.parent.name for path in package.glob("*/__init__.py")}


def _top_level_imports(source: str, submodules: set[str]) -> list[int]:
    """Lines that take something from `entropyjax` itself: a lazy export, or the bare package."""
    lines = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            # `import entropyjax.models` binds the top level too, unless it is renamed.
            taken = any(
                name.name.split(".")[0] == "entropyjax" and not (name.asname and "." in name.name)
                for name in node.names
            )
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            taken = node.module == "entropyjax" and not {name.name for name in node.names} <= submodules
        else:
            continue
        if taken:
            lines.append(node.lineno)
    return lines


def test_contracts_are_kept():
    done = _importlinter(cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_imports_the_lazy_top_level(path):
    if path == PACKAGE / "__init__.py":
        return
    assert _top_level_imports(path.read_text(encoding="utf-8"), _submodules(PACKAGE)) == []


@pytest.mark.parametrize(
    ("source", "taken"),
    [
        ("import entropyjax", True),
        ("import entropyjax as ej", True),
        ("import entropyjax.models", True),
        ("import entropyjax.models as models", False),
        ("from entropyjax import Star", True),
        ("from entropyjax import *", True),
        ("from entropyjax import models", False),
        ("from entropyjax import models, Star", True),
        ("from entropyjax.models import Star", False),
        ("def f():\n    from entropyjax import Star", True),
        ("import entropyjaxed", False),
    ],
)
def test_the_rule_on_the_top_level_sees_what_it_should(source, taken):
    assert bool(_top_level_imports(source, {"models"})) == taken


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_are_short(path):
    length = len(path.read_text(encoding="utf-8").splitlines())
    assert length <= LONGEST, f"{path.relative_to(ROOT)} has {length} lines; split it by its nouns"
