"""Compile the text of a kernel in this process and register it with XLA."""

import ctypes
import functools
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import jax
import llvmlite
import llvmlite.binding as llvm
import numpy as np

from entropyjax.solve.unsupported import Unsupported

CODE_MODEL = "jitdefault"
"""Addresses of any distance: in a process that has lived long, code and its constants may lie far apart."""

_lock = threading.RLock()
_engines: dict[str, Any] = {}
"""Compiled kernels by name; XLA may call them as long as the process lives."""


class ObjectCache(Protocol):
    """Where compiled objects are kept between processes."""

    def get(self, key: str) -> bytes | None:
        """Return what was kept under a key, or `None`."""
        ...

    def put(self, key: str, content: bytes) -> None:
        """Keep `content` under a key, if that is possible; it carries its own digest."""
        ...


@functools.cache
def target_machine() -> Any:
    """Return LLVM's description of this processor, for compilation in process."""
    return _new_machine()


def _new_machine() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=host_features(), opt=3, reloc="default", codemodel=CODE_MODEL
    )


def host_features() -> str:
    """Return the instruction set extensions of this processor, as LLVM names them."""
    return llvm.get_host_cpu_features().flatten()


def is_x86() -> bool:
    """Return whether this is an x86 processor."""
    return target_machine().triple.startswith(("x86", "i686"))


def has(*features: str) -> bool:
    """Return whether the processor has all these extensions, as LLVM writes them ("+avx512f")."""
    return set(features) <= set(host_features().split(","))


def unsuitable() -> str | None:
    """Return why this processor cannot run native kernels, or `None` if it can."""
    if not target_machine().triple.startswith(("x86_64", "aarch64", "arm64")):
        return f"kernels are written for 64-bit x86 and Arm, and this is {target_machine().triple}"
    return None


def vector_bits() -> int:
    """Return the size of a vector register."""
    features = host_features().split(",")
    return 512 if "+avx512f" in features else 256 if "+avx" in features else 128


def registers(dtype: Any, count: int) -> int:
    """Return the lanes that fill so many registers: their chains of operations hide each other's latency."""
    return count * vector_bits() // (8 * np.dtype(dtype).itemsize)


def attributes() -> str:
    """Return the attributes of a kernel's functions."""
    bits = str(vector_bits())
    pairs = {
        "target-cpu": llvm.get_host_cpu_name(),
        "target-features": host_features(),
        "prefer-vector-width": bits,
        "min-legal-vector-width": bits,
        "no-trapping-math": "true",
    }
    listed = " ".join(f'"{name}"="{value}"' for name, value in pairs.items())
    # Without a realigned stack LLVM keeps vectors across cache lines.
    return f'attributes #0 = {{ nounwind "stackrealign" {listed} }}\n\n!0 = !{{}}\n'


def register(text: str, cache: ObjectCache | None) -> str:
    """Compile a module with a function `handler`, unless that was done before; return its target's name.

    The key of the cache covers the text, the processor and its features, and the versions of LLVM and llvmlite.
    """
    version = (
        f"{CODE_MODEL} {llvmlite.__version__} {llvm.llvm_version_info} {llvm.get_host_cpu_name()} {host_features()}"
    )
    digest = hashlib.sha256(f"{version}\n{text}".encode()).hexdigest()
    name = f"entropyjax_{digest[:32]}"
    with _lock:
        if name in _engines:
            return name
        content = _opened(digest, cache.get(digest)) if cache is not None else None
        if content is None:
            content = _compile(text)
            if cache is not None:
                cache.put(digest, _seal(digest, content) + content)
        engine = _load(content)
        pointer = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(engine.get_function_address("handler"))
        jax.ffi.register_ffi_target(name, jax.ffi.pycapsule(pointer), platform="cpu")
        _engines[name] = engine
    return name


def _compile(text: str) -> bytes:
    machine = target_machine()
    try:
        module = llvm.parse_assembly(text)
        module.triple = machine.triple
        module.data_layout = str(machine.target_data)
        module.verify()
    except RuntimeError as error:
        lines = str(error).splitlines()
        first = next((line for line in lines if "error:" in line), lines[0])
        raise Unsupported(f"LLVM {llvm.llvm_version_info[0]} refuses its code ({first})") from error
    tuning = llvm.create_pipeline_tuning_options(speed_level=2)
    tuning.slp_vectorization = False
    tuning.loop_vectorization = False
    tuning.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    with _order_kept():
        return machine.emit_object(module)


@contextmanager
def _order_kept() -> Iterator[None]:
    """Keep LLVM from reordering instructions; the option is that of the process, so it is put back."""
    llvm.set_option("", "-enable-misched=false")
    try:
        yield
    finally:
        llvm.set_option("", "-enable-misched=true")


def _seal(key: str, content: bytes) -> bytes:
    """Return the digest that stands before a kept object: LLVM ends the process if it loads a damaged one."""
    return hashlib.sha256(key.encode() + b"\n" + content).digest()


def _opened(key: str, kept: bytes | None) -> bytes | None:
    """Return the object of a cache's entry, `None` if there is none or it is damaged."""
    if kept is None:
        return None
    seal, content = kept[:32], kept[32:]
    return content if seal == _seal(key, content) else None


def _load(content: bytes) -> Any:
    """Return an engine that holds the object."""
    # An engine owns its target machine, and frees it.
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _new_machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(content))
    engine.finalize_object()
    return engine
