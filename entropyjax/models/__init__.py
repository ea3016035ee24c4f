"""Models: one file per dynamics behind one contract."""

from entropyjax.models.base import (
    AbstractModel as AbstractModel,
    Interval as Interval,
    Observable as Observable,
    combine as combine,
    project as project,
)
from entropyjax.models.mesh import Mesh as Mesh
from entropyjax.models.registry import MODELS as MODELS, register as register
from entropyjax.models.replicator import Replicator as Replicator
from entropyjax.models.star import Star as Star
from entropyjax.models.tree import Tree as Tree
