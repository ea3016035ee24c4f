"""The lazy top level: what type checkers read in it is what it gives."""

import ast
import importlib
from pathlib import Path

import pytest

import entropyjax
from entropyjax import _EXPORTS, _HOMES


def _typed() -> dict[str, list[str]]:
    """The names that the block for type checkers imports, by module."""
    tree = ast.parse(Path(entropyjax.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    imports = (node for node in block.body if isinstance(node, ast.ImportFrom))
    return {str(node.module): [alias.asname or "" for alias in node.names] for node in imports}


def test_all_names_every_export_once():
    assert sorted(entropyjax.__all__) == sorted(_HOMES)


def test_type_checkers_see_the_exports():
    assert {module: sorted(names) for module, names in _typed().items()} == {
        module: sorted(names) for module, names in _EXPORTS.items()
    }


def test_every_export_is_that_of_its_module():
    for module, names in _EXPORTS.items():
        home = importlib.import_module(module)
        assert [name for name in names if getattr(entropyjax, name) is not getattr(home, name)] == []
    assert set(entropyjax.__all__) < set(dir(entropyjax))


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="no attribute 'swep'"):
        entropyjax.swep  # noqa: B018
