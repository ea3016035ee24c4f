"""Versions that must agree, pins that must be complete, and addresses that must not be there."""

import importlib.metadata
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PINS = [
    line
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
# Written so that this file does not name them itself.
REGISTRIES = [
    ".".join(parts)
    for parts in [
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("anaconda", "org"),
        ("npmjs", "org"),
        ("crates", "io"),
    ]
]


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def _text_files() -> list[Path]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this copy is no git checkout")
    files = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in files if path.is_file() and b"\0" not in path.read_bytes()[:8192]]


def test_changelog_starts_with_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## \[(\d[^\]]*)\] - (\S+)$", text, flags=re.MULTILINE)
    assert headings[0] == (PROJECT["version"], str(CITATION["date-released"]))


def test_citation_has_this_version():
    assert CITATION["version"] == PROJECT["version"]


def test_installed_package_has_this_version():
    assert importlib.metadata.version("entropyjax") == PROJECT["version"]


def test_constraints_are_exact_versions_and_nothing_else():
    assert [pin for pin in PINS if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", pin)] == []
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    assert [word for word in ("://", " @ ", "--") if word in text] == []


def test_every_dependency_is_pinned():
    extras = PROJECT["optional-dependencies"]
    needed = {_name(requirement) for requirement in PROJECT["dependencies"] + extras["dev"]}
    assert needed - {_name(pin) for pin in PINS} == set()


@pytest.mark.parametrize("name", sorted(_name(requirement) for requirement in PROJECT["dependencies"]))
def test_whatever_a_dependency_needs_is_pinned(name):
    marker = re.compile(r"extra\s*==|python_version\s*<|sys_platform\s*==|platform_system\s*==")
    needed = [line for line in importlib.metadata.requires(name) or [] if not marker.search(line)]
    assert {_name(line) for line in needed} - {_name(pin) for pin in PINS} == set()


def test_git_ignores_no_file_of_the_package():
    files = [str(path.relative_to(ROOT)) for path in (ROOT / "entropyjax").rglob("*.py")]
    command = ["git", "check-ignore", "--no-index", *files]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == []


def test_no_file_names_the_host_of_a_package_registry():
    found = [
        f"{path.relative_to(ROOT)}: {host}"
        for path in _text_files()
        for host in REGISTRIES
        if host in path.read_text(encoding="utf-8", errors="ignore")
    ]
    assert found == []
