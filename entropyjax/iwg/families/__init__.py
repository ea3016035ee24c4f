"""Families of workflows: typed worlds from which the procedural engine draws questions, one file each."""

from entropyjax.iwg.families.base import (
    FAMILIES as FAMILIES,
    AbstractFamily as AbstractFamily,
    Field as Field,
    register as register,
)
