"""Test systems: the model's formulas written a second time in numpy, and small SDEs with known moments.

Nothing here calls the package's own formulas: the star, the replicator, the tree and the mesh are written from the
model page, so that agreement with them means something.
"""

from typing import Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np
import scipy.linalg
from scipy.integrate import solve_ivp

from entropyjax.models import AbstractModel, Interval
from entropyjax.params import AbstractParams, OrchestratorParams

DEFAULTS = {name: spec.default for name, spec in OrchestratorParams.specs().items()}

# Parameter sets that cover the outcomes and the terms of the equations; `stiff` is for adaptive methods.
STARS: dict[str, dict[str, float]] = {
    "default": {},
    "focused": {"context_window": 128.0},
    "collapsing": {"initial_focus": 7.0, "n_agents": 24.0, "context_window": 40.0, "compaction_rate": 0.02},
    "late collapse": {"context_window": 80.0, "compaction_rate": 0.0, "resolution_rate": 0.01},
    "all terms": {
        "n_agents": 9.5,
        "context_window": 96.0,
        "roster_similarity": 0.37,
        "dilution_order": 3.5,
        "progress_gain": 0.4,
        "reasoning_gain": 0.6,
        "reflexion_rate": 0.1,
        "initial_focus": 0.5,
        "initial_progress": 0.1,
        "initial_context": 3.0,
        "resolution_rate": 0.15,
    },
    "wrong start": {"n_agents": 2.5, "initial_focus": -3.0, "context_window": 200.0, "dilution_order": 1.0},
}
STIFF: dict[str, float] = {"focus_rate": 300.0, "context_window": 128.0, "initial_focus": 1.0}


def choice(x: Any, rivals: Any) -> tuple[Any, Any, Any]:
    """Return q, H and h of the model page, section 2, term by term."""
    q = 1.0 / (1.0 + rivals * np.exp(-x))
    wrong = rivals * np.exp(-x) / (1.0 + rivals * np.exp(-x))
    entropy = -q * np.log(q) - wrong * np.log(wrong / rivals)
    return q, entropy, entropy / np.log(1.0 + rivals)


def evidence(p: dict[str, float], s: Any) -> Any:
    effort = np.log(1.0 + p["reasoning_tokens"] / p["reasoning_scale"])
    return p["evidence"] * (1.0 + p["reasoning_gain"] * effort) * (1.0 + p["progress_gain"] * s)


def attention(p: dict[str, float], c: Any) -> Any:
    static = p["system_tokens"] + p["n_agents"] * p["roster_tokens"]
    fill = (static + c) / (p["effective_fraction"] * p["context_window"])
    return 1.0 / (1.0 + fill ** p["dilution_order"])


def star_rhs(t: float, y: np.ndarray, p: dict[str, float]) -> np.ndarray:
    """Right-hand side of the star on (x, s, c)."""
    x, s, c = y
    q, _, h = choice(x, p["roster_similarity"] * (p["n_agents"] - 1.0))
    return np.array(
        [
            p["focus_rate"] * (evidence(p, s) * attention(p, c) - x),
            p["resolution_rate"] * q * (1.0 - s),
            p["executor_tokens"]
            + p["reasoning_tokens"]
            + p["error_tokens"] * (1.0 - q)
            - (p["compaction_rate"] + p["reflexion_rate"] * h) * c,
        ]
    )


def star_entropy_rate(y: np.ndarray, p: dict[str, float]) -> float:
    """dH/dt = (dH/dx) dx/dt with dH/dx = -x q (1-q)."""
    q, _, _ = choice(y[0], p["roster_similarity"] * (p["n_agents"] - 1.0))
    return -y[0] * q * (1.0 - q) * star_rhs(0.0, y, p)[0]


class Reference(NamedTuple):
    """A scipy solution: states at the requested times, and the event times of the model page, section 3."""

    states: np.ndarray
    focus_time: float
    collapse_time: float
    resolution_time: float
    horizon_time: float


def star_reference(values: dict[str, float], times: np.ndarray, theta: float = 0.5, s_tol: float = 0.01) -> Reference:
    """Integrate the star with DOP853 at rtol 1e-12 and let scipy find the events."""
    p = {**DEFAULTS, **values}
    rivals = p["roster_similarity"] * (p["n_agents"] - 1.0)
    start = np.array([p["initial_focus"], p["initial_progress"], p["initial_context"]])

    def focus(t: float, y: np.ndarray) -> float:
        return theta - choice(y[0], rivals)[2] if y[0] > 0.0 else theta - 1.0

    def progress(t: float, y: np.ndarray) -> float:
        return y[1] - (1.0 - s_tol)

    def trend(t: float, y: np.ndarray) -> float:
        return star_entropy_rate(y, p)

    trend.direction = progress.direction = 1.0
    solution = solve_ivp(
        lambda t, y: star_rhs(t, y, p),
        (0.0, float(times[-1])),
        start,
        method="DOP853" if p["focus_rate"] < 50.0 else "Radau",
        t_eval=times,
        rtol=1e-12,
        atol=1e-13,
        max_step=0.5,
        events=[focus, progress, trend],
    )
    assert solution.success
    crossings, resolved, turned = solution.t_events
    focused = focus(0.0, start) > 0.0
    gains, losses = (crossings[1::2], crossings[0::2]) if focused else (crossings[0::2], crossings[1::2])
    rising = trend(0.0, start) > 0.0
    return Reference(
        solution.y.T,
        0.0 if focused else _first(gains),
        _first(losses),
        0.0 if progress(0.0, start) >= 0.0 else _first(resolved),
        0.0 if rising else _first(turned),
    )


def _first(times: np.ndarray) -> float:
    return float(times[0]) if len(times) else np.inf


def replicator_rhs(y: np.ndarray, p: dict[str, float], shares: np.ndarray) -> np.ndarray:
    """Right-hand side of the N-state flow on (z_1..z_N, s, c), integer N, phi_s = 1 (section 2)."""
    z, s, c = y[:-2], y[-2], y[-1]
    p_all = np.exp(z - z.max())
    p_all /= p_all.sum()
    entropy = -np.sum(p_all * np.log(p_all))
    wrong = p_all[1:].sum()
    return np.concatenate(
        [
            p["focus_rate"] * (evidence(p, s) * attention(p, c) * shares - z),
            [p["resolution_rate"] * p_all[0] * (1.0 - s)],
            [
                p["executor_tokens"]
                + p["reasoning_tokens"]
                + p["error_tokens"] * wrong
                - (p["compaction_rate"] + p["reflexion_rate"] * entropy / np.log(len(z))) * c
            ],
        ]
    )


def tree_levels(p: dict[str, float], levels: int, own_turn_clock: bool) -> list[dict[str, float]]:
    """Return what each level's nodes are: K, rho_l, tau_l, and the clock that their rates run on (section 5)."""
    children = p["n_agents"] ** (1.0 / levels)
    out = []
    for level in range(levels):
        share = children**-level
        passed = 1.0 if level == levels - 1 else p["summary_ratio"]
        tokens = passed * p["executor_tokens"] + p["reasoning_tokens"]
        out.append({"K": children, "rho": share, "tau": tokens, "clock": share if own_turn_clock else 1.0})
    return out


def tree_rhs(y: np.ndarray, p: dict[str, float], levels: int, own_turn_clock: bool = False) -> np.ndarray:
    """Right-hand side of the tree on (x_0.., s, c_0..)."""
    x, s, c = y[:levels], y[levels], y[levels + 1 :]
    dx, dc, path = [], [], 1.0
    for level, node in enumerate(tree_levels(p, levels, own_turn_clock)):
        q, _, h = choice(x[level], p["roster_similarity"] * (node["K"] - 1.0))
        path *= q
        target = evidence(p, s) * attention({**p, "n_agents": node["K"]}, c[level])
        dx.append(node["clock"] * p["focus_rate"] * (target - x[level]))
        forgetting = node["clock"] * (p["compaction_rate"] + p["reflexion_rate"] * h)
        dc.append(node["rho"] * (node["tau"] + p["error_tokens"] * (1.0 - q)) - forgetting * c[level])
    return np.array([*dx, p["resolution_rate"] * path * (1.0 - s), *dc])


def mesh_rhs(y: np.ndarray, p: dict[str, float]) -> np.ndarray:
    """Right-hand side of the mesh on (x, s, c)."""
    x, s, c = y
    q, _, h = choice(x, p["roster_similarity"] * (p["n_agents"] - 1.0))
    w = p["sharing"] + (1.0 - p["sharing"]) / p["n_agents"]
    inflow = p["executor_tokens"] + p["reasoning_tokens"] + p["error_tokens"] * (1.0 - q)
    return np.array(
        [
            p["focus_rate"] * (w * evidence(p, s) * attention(p, c) - x),
            p["resolution_rate"] * q * (1.0 - s),
            w * inflow - (p["compaction_rate"] + p["reflexion_rate"] * h) * c,
        ]
    )


# --- Linear Ito SDEs: every moment obeys a linear ODE -------------------------------------------------------


class Point(NamedTuple):
    """State of the test SDEs: two real components."""

    u: Any
    v: Any


class Matrices(NamedTuple):
    """dX = A X dt + B_1 X dW_1 + B_2 X dW_2 with X in R^2."""

    drift: Any
    first: Any
    second: Any
    start: Any


# The commutator of the two noise matrices is of the size of the matrices themselves.
NON_COMMUTING = Matrices(
    drift=((-0.6, 0.3), (-0.2, -0.4)),
    first=((0.9, 0.2), (-0.1, 0.3)),
    second=((0.1, -0.8), (0.7, 0.2)),
    start=(1.0, 0.5),
)


def _apply(matrix: Any, point: Point) -> Point:
    (a, b), (c, d) = matrix
    return Point(a * point.u + b * point.v, c * point.u + d * point.v)


class _Plain(AbstractModel):
    """A model without an orchestrator's meaning: never focused, never resolved."""

    Params: ClassVar[type[AbstractParams]] = AbstractParams
    domain: ClassVar[Any] = Point(Interval(-np.inf, np.inf), Interval(-np.inf, np.inf))
    observables: ClassVar[dict] = {}

    def initial_state(self, params: Matrices) -> Point:
        return Point(*params.start)

    def focus_signal(self, params, level):
        return lambda state: -jnp.ones_like(state.u)

    def entropy_trend(self, state, params):
        return -jnp.ones_like(state.u)

    def progress(self, state):
        return jnp.zeros_like(state.u)


class LinearSDE(_Plain):
    """dX = A X dt + B_1 X dW_1 + B_2 X dW_2."""

    def drift(self, t, state, params):
        return _apply(params.drift, state)

    def diffusion(self, t, state, params):
        return _apply(params.first, state), _apply(params.second, state)


class BentSDE(_Plain):
    """The linear SDE seen through Y = (sinh X_1, X_2): nonlinear in drift and noise, moments of X known.

    Ito: dY_1 = cosh(X_1) dX_1 + sinh(X_1)/2 d<X_1>.
    """

    def initial_state(self, params):
        u, v = params.start
        return Point(jnp.sinh(u), v)

    def drift(self, t, state, params):
        x = Point(jnp.arcsinh(state.u), state.v)
        slope, bend = jnp.sqrt(1.0 + state.u**2), state.u
        line = _apply(params.drift, x)
        spread = _apply(params.first, x).u ** 2 + _apply(params.second, x).u ** 2
        return Point(slope * line.u + 0.5 * bend * spread, line.v)

    def diffusion(self, t, state, params):
        x = Point(jnp.arcsinh(state.u), state.v)
        slope = jnp.sqrt(1.0 + state.u**2)
        columns = (_apply(params.first, x), _apply(params.second, x))
        return tuple(Point(slope * column.u, column.v) for column in columns)


def linear_moments(m: Matrices, degree: int, horizon: float) -> np.ndarray:
    """Return E[X (x) ... (x) X] (`degree` factors) at t = `horizon` by the exponential of the moment ODE.

    By Ito's formula the moment of degree d obeys d/dt = sum_i A_i + sum_k sum_{i<j} B_k,i B_k,j, where M_i
    acts on the i-th factor.
    """
    noise = [np.array(m.first), np.array(m.second)]
    generator = sum(_on({i: np.array(m.drift)}, degree) for i in range(degree))
    for matrix in noise:
        for j in range(degree):
            for i in range(j):
                generator = generator + _on({i: matrix, j: matrix}, degree)
    return scipy.linalg.expm(np.asarray(generator) * horizon) @ power(np.array(m.start), degree)


def power(x: np.ndarray, degree: int) -> np.ndarray:
    """Return the Kronecker power of a vector or matrix."""
    out = x
    for _ in range(degree - 1):
        out = np.kron(out, x)
    return out


def _on(factors: dict[int, np.ndarray], degree: int) -> np.ndarray:
    out = np.eye(1)
    for place in range(degree):
        out = np.kron(out, factors.get(place, np.eye(2)))
    return out
