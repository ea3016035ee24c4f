"""Stores: the journal of a running sweep and the zarr store of a finished one."""

from entropyjax.io.store.journal import Journal as Journal
from entropyjax.io.store.result import (
    SCHEMA_VERSION as SCHEMA_VERSION,
    StoreError as StoreError,
    check_target as check_target,
    open_result as open_result,
    write_result as write_result,
)
from entropyjax.io.store.text import write_text as write_text
