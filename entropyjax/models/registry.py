"""The registry of models: adding a file with `@register("name")` is all that a new model needs."""

from entropyjax.models.base import AbstractModel
from entropyjax.params import Registry

MODELS: Registry[AbstractModel] = Registry("model", "entropyjax.models")
register = MODELS.register
