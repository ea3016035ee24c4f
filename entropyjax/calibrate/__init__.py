"""What is found out about this machine: its processor, the flags of XLA that help on it, and where that is kept."""

from entropyjax.calibrate.apply import XlaFlags as XlaFlags, apply_xla_flags as apply_xla_flags
from entropyjax.calibrate.cache import Memory as Memory, cache_folder as cache_folder
from entropyjax.calibrate.objects import ObjectFolder as ObjectFolder, object_folder as object_folder
from entropyjax.calibrate.processor import Processor as Processor, this_processor as this_processor
