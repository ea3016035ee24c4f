"""Models: one file per dynamics behind one contract."""

from entropyjax.models.balance import (
    EntropyBalance as EntropyBalance,
    held_entropy as held_entropy,
    resting_entropy as resting_entropy,
)
from entropyjax.models.base import (
    AbstractModel as AbstractModel,
    Interval as Interval,
    Observable as Observable,
    RestError as RestError,
    combine as combine,
    project as project,
)
from entropyjax.models.constant import ConstantEntropy as ConstantEntropy
from entropyjax.models.damped import DampedEntropy as DampedEntropy
from entropyjax.models.linear import LinearEntropy as LinearEntropy
from entropyjax.models.mesh import Mesh as Mesh
from entropyjax.models.registry import MODELS as MODELS, register as register
from entropyjax.models.replicator import Replicator as Replicator
from entropyjax.models.saturating import SaturatingEntropy as SaturatingEntropy
from entropyjax.models.star import Star as Star
from entropyjax.models.tree import Tree as Tree
