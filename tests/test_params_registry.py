"""Registries: names taken, names unknown, and values that are being traced."""

import jax
import pytest

from entropyjax.models import MODELS, Star
from entropyjax.params import Registry, UnknownNameError


def test_a_taken_name_is_refused_and_a_repeated_definition_is_not():
    registry = Registry("thing", "entropyjax.params")

    def define():
        @registry.register("one")
        class One:
            pass

        return One

    define()
    again = define()
    assert registry.get("one") is again

    with pytest.raises(ValueError, match=r"The thing name 'one' is taken by .*One; choose another"):

        @registry.register("one")
        class Two:
            pass


def test_unknown_names_and_unregistered_objects():
    with pytest.raises(UnknownNameError, match="'satr' is not a model; did you mean 'star'"):
        MODELS.get("satr")
    with pytest.raises(UnknownNameError, match="int is not a registered model"):
        MODELS.name_of(3)
    assert MODELS.name_of(Star()) == "star"


def test_parameters_can_be_made_under_a_gradient():
    def window(value):
        return Star().params(context_window=value, n_agents=8).context_window ** 2

    assert float(jax.grad(window)(3.0)) == 6.0
    assert isinstance(Star().params(n_agents=8).n_agents, float)
