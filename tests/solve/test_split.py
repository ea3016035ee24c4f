"""A lane's function cut in two: what is worked out ahead comes in once."""

import jax
import jax.numpy as jnp
import numpy as np

from entropyjax.solve.sinks import Sample
from entropyjax.solve.split import split_lane


def test_equal_expressions_of_what_is_shared_are_one_input():
    def lane(shared, item, number, valid):
        del number
        twice = [jnp.exp(2.0 * shared) + item, jnp.exp(2.0 * shared) * item, jnp.exp(3.0 * shared)]
        return [Sample(value, valid) for value in twice]

    shapes = jax.ShapeDtypeStruct((), np.float64), jax.ShapeDtypeStruct((), np.float64)
    found = split_lane(lane, *shapes)
    assert len(found.shared) == 2
    taken = jax.core.eval_jaxpr(found.prelude.jaxpr, found.prelude.consts, jnp.asarray(0.5))
    out = jax.core.eval_jaxpr(found.lanes, [], *taken, jnp.asarray(4.0), jnp.uint32(0), jnp.asarray(True))
    values = [float(sample.value) for sample in found.collect(out)]
    np.testing.assert_allclose(values, [np.e + 4.0, np.e * 4.0, np.exp(1.5)], rtol=1e-14)
