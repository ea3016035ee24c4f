"""Sensitivities: how does the mean entropy at the horizon change with every parameter?

    python scripts/examples/gradients.py [--quick]

Differentiates through an ensemble of SDE paths with jax.grad. The noise of a path depends on the key and its
index alone, so the derivative is taken at fixed noise, and finite differences on the same noise confirm it.
Agents choose at random between whole alternatives, so they have no such derivative.
"""

import argparse

import jax
import jax.numpy as jnp

import entropyjax as ej
from entropyjax.params import replace
from entropyjax.solve import METHODS, solve


def main() -> None:
    """Print the sensitivities, largest first, and one finite difference."""
    parser = argparse.ArgumentParser(description="Sensitivity of the mean entropy to every parameter.")
    parser.add_argument("--quick", action="store_true", help="few and short paths")
    options = parser.parse_args()
    paths, horizon = (16, 8.0) if options.quick else (1024, 32.0)

    model = ej.Star()
    params = model.params(context_window=48.0)
    grid = ej.Grid.with_step(horizon, intervals=1, step=0.25)
    method, key = METHODS.get("euler_maruyama")(), jax.random.key(0)

    def mean_entropy(params: ej.Star.Params) -> jax.Array:
        def entropy(index: jax.Array) -> jax.Array:
            final = solve(model, params, grid=grid, key=key, index=index, method=method).final
            return model.observe(final, params)["entropy"]

        return jax.vmap(entropy)(jnp.arange(paths, dtype=jnp.uint32)).mean()

    value, slope = jax.jit(jax.value_and_grad(mean_entropy))(params)
    print(f"mean H = {value:.4f} nat at t = {horizon:g} steps over {paths} paths")

    # p dH/dp: nat for each relative change of p, comparable between units.
    table = {name: getattr(params, name) * float(getattr(slope, name)) for name in params.specs()}
    for name in sorted(table, key=lambda name: -abs(table[name])):
        if table[name] != 0.0:
            print(f"  {name:20s} {table[name]:+8.4f} nat for each relative change")

    def at(window: float) -> float:
        return float(jax.jit(mean_entropy)(replace(params, {"context_window": window})))

    difference = (at(48.1) - at(47.9)) / 0.2
    print(f"dH/dW: {slope.context_window:.5f} nat/ktok; finite difference {difference:.5f}")


if __name__ == "__main__":
    main()
