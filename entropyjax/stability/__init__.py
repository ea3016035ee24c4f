"""Stability: closed-form criteria on the fixed points."""

from entropyjax.stability.margin import (
    has_margin_window as has_margin_window,
    margin_context as margin_context,
    margin_window as margin_window,
)
