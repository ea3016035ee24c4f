"""Parameters: names, units, supports, bijectors and access by name."""

from entropyjax.params.names import nearest as nearest
from entropyjax.params.orchestrator import OrchestratorParams as OrchestratorParams
from entropyjax.params.registry import Registry as Registry, UnknownNameError as UnknownNameError
from entropyjax.params.spec import (
    AbstractParams as AbstractParams,
    Parameter as Parameter,
    parameter as parameter,
    shared as shared,
)
from entropyjax.params.support import Support as Support
from entropyjax.params.values import (
    ParameterError as ParameterError,
    cast as cast,
    check_has as check_has,
    check_value as check_value,
    get as get,
    make as make,
    replace as replace,
)
