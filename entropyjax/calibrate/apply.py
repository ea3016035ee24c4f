"""The opt-in call that sets XLA's flags for this process, and what it reports."""

import dataclasses
import importlib.metadata
import importlib.util
import os
import pkgutil

from entropyjax.calibrate import flags
from entropyjax.calibrate.cache import Memory, cache_folder
from entropyjax.calibrate.probe import Subprocess, Trial, find
from entropyjax.calibrate.processor import this_processor

SWITCH = "ENTROPYJAX_XLA_FLAGS"
"""Environment variable that turns the flags off: 0, no, off or false."""


@dataclasses.dataclass(frozen=True)
class XlaFlags:
    """What became of the flags; printed, it is one or two sentences.

    **Attributes:**

    - `added`: what the call has put into `XLA_FLAGS`, as `name=value`.
    - `kept`: what `XLA_FLAGS` had said before about the same names.
    - `reason`: why the rest was not added, "" if nothing is missing.
    """

    added: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    reason: str = ""

    @property
    def in_force(self) -> tuple[str, ...]:
        """What `XLA_FLAGS` says now."""
        return (*self.kept, *self.added)

    def __str__(self) -> str:
        sentences = []
        if self.added:
            sentences.append(f"Added to XLA_FLAGS: {', '.join(self.added)}.")
        if self.kept:
            sentences.append(f"XLA_FLAGS has already: {', '.join(self.kept)}.")
        if self.reason:
            sentences.append(f"{'Not more' if self.in_force else 'No XLA flags'}: {self.reason}.")
        return " ".join(sentences)


def apply_xla_flags(*, probe: bool = True) -> XlaFlags:
    """Let XLA compile the loops of this process whole, with vectors as wide as the processor's.

    Call it before JAX is first used, because XLA reads its flags once, when its backend starts. The flags hold for
    every JAX program of the process, and were measured on ensembles alone. What `XLA_FLAGS` says already stays.
    `ENTROPYJAX_XLA_FLAGS=0` turns the call off.

    The first call on a machine tries the flags in another process, which takes one or two seconds, and remembers
    what it found under `cache_folder()`.

    **Arguments:** `probe`: with `False`, only use what is remembered.

    **Returns:** what was added, what was there, and why not more. It never raises.
    """
    try:
        return _apply(Subprocess() if probe else None)
    except Exception as error:
        # A flag is worth no run: whatever an odd installation does here, the ensemble goes on without.
        return XlaFlags(reason=f"looking for them failed with {type(error).__name__}: {error}")


def _apply(trial: Trial | None) -> XlaFlags:
    text = os.environ.get("XLA_FLAGS", "")
    processor = this_processor()
    candidates = flags.candidates(processor.vector_bits)
    said = {} if flags.names_a_file(text) else flags.values(text)
    kept = tuple(f"{setting.name}={said[setting.name]}" for setting in candidates if setting.name in said)
    if len(kept) == len(candidates):
        return XlaFlags(kept=kept)
    obstacle = _obstacle(text)
    if obstacle:
        return XlaFlags(kept=kept, reason=obstacle)
    folder = cache_folder()
    finding = find(candidates, processor, Memory(folder / "xla-flags" if folder else None), trial)
    if finding is None:
        return XlaFlags(kept=kept, reason="they have not been tried on this machine yet; simulate and sweep do so")
    if finding.doubt:
        return XlaFlags(kept=kept, reason=f"trying them failed, because {finding.doubt}")
    new = flags.missing(text, finding.settings)
    if new:
        os.environ["XLA_FLAGS"] = flags.merge(text, new)
    refused = [str(setting) for setting in flags.missing(text, candidates) if setting not in new]
    reason = f"this version of XLA does not run with {' or '.join(refused)}" if refused else ""
    return XlaFlags(tuple(map(str, new)), kept, reason)


def _obstacle(text: str) -> str:
    """Return why flags cannot or must not be set, "" if they may be."""
    if os.environ.get(SWITCH, "").strip().lower() in ("0", "no", "off", "false"):
        return f"{SWITCH}={os.environ[SWITCH]} turns them off"
    if flags.names_a_file(text):
        return f"XLA_FLAGS names the file {text.strip()}; add them there"
    if _backend_has_started():
        return "the JAX backend has started already; apply_xla_flags() must come before the first use of JAX"
    return _other_platform()


def _backend_has_started() -> bool:
    """Return whether it is too late; `False` if this version of JAX does not tell."""
    try:
        # There is no public question for this: https://github.com/jax-ml/jax/issues/23320
        from jax._src.xla_bridge import backends_are_initialized

        return bool(backends_are_initialized())
    except Exception:
        return False


def _other_platform() -> str:
    """Return why JAX will not, or may not, compute on the CPU, "" if it will."""
    import jax

    chosen = getattr(jax.config, "jax_platforms", None) or ""
    if chosen:
        first = chosen.split(",")[0]
        return "" if first == "cpu" else f"JAX is to run on {first}, and they are for the CPU"
    plugins = {entry.name for entry in importlib.metadata.entry_points(group="jax_plugins")}
    package = importlib.util.find_spec("jax_plugins")
    plugins |= {module.name for module in pkgutil.iter_modules(package.submodule_search_locations if package else [])}
    plugins |= {"libtpu"} if importlib.util.find_spec("libtpu") else set()
    if plugins:
        return f"JAX may run on an accelerator ({', '.join(sorted(plugins))}); JAX_PLATFORMS=cpu keeps it on the CPU"
    return ""
