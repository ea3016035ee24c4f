"""The documents: what they show runs, what they name is there, and the site builds."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMES = (
    "tutorial",
    "gradients",
    "stability",
    "continuation",
    "noise",
    "phases",
    "boundaries",
    "trap",
    "topologies",
    "traces",
    "entropy",
    "diagnosis",
    "fits",
    "findings",
    "forecast",
    "endpoints",
    "workflows",
    "suite",
    "loop",
)
PAGES = ["README.md", *(f"docs/{name}.md" for name in NAMES)]
FENCE = re.compile(r"^```python[^\n]*\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
REMOTE = re.compile(r"""<(?:script|link|img)\b[^>]*\b(?:src|href)=["']?(?:https?:)?//(?!127\.)[^>]*>""")


def _program(text: str) -> str:
    """The page's Python blocks as one program, each line at its place in the page."""
    lines = [""] * (text.count("\n") + 1)
    for block in FENCE.finditer(text):
        first = text.count("\n", 0, block.start(1))
        code = block[1].splitlines()
        lines[first : first + len(code)] = code
    return "\n".join(lines)


def test_blocks_keep_their_line_numbers():
    page = "# A\n\n```python\nx = 1\n```\n\n```console\n$ ls\n```\n\n```python\nassert x == 1\n```\n"
    assert _program(page).rstrip().splitlines() == ["", "", "", "x = 1", *[""] * 7, "assert x == 1"]


# What these pages show is what the tests of its subject do; their programs compile for long.
LONG = ("noise", "stability", "phases", "continuation", "trap", "fits", "tutorial", "diagnosis", "forecast")


@pytest.mark.parametrize(
    "page",
    [pytest.param(p, marks=pytest.mark.slow) if p.removesuffix(".md").endswith(LONG) else p for p in PAGES],
)
def test_python_blocks_run(page, tmp_path):
    program = _program((ROOT / page).read_text(encoding="utf-8"))
    if not program.strip():
        pytest.skip(f"{page} shows no Python")
    code = f"exec(compile({program!r}, {page!r}, 'exec'), {{'__name__': '__main__'}})"
    # A reader's Python: none of the settings of the tests, but for how long XLA optimises.
    env = {**os.environ, "XLA_FLAGS": os.environ["ENTROPYJAX_TESTS_XLA_FLAGS"]}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", [*PAGES, "docs/index.md"])
def test_scripts_that_a_page_names_exist(page):
    named = re.findall(r"(?:^|[\s`(])(?:\./)?(scripts/[\w./-]*\w)", (ROOT / page).read_text(encoding="utf-8"))
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_site_builds_and_loads_nothing_from_elsewhere(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert pages
    assert [found[0] for page in pages for found in REMOTE.finditer(page.read_text(encoding="utf-8"))] == []
