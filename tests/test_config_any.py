"""Whatever a configuration holds, it loads or raises a `ConfigError`."""

from hypothesis import given, strategies as st

from entropyjax.io.config import ConfigError, load

VALUES = """
star replicator ode sde agents rk4 normal uniform samples lognormal params.evidence
params.n_agents run.seed run.dynamics model.name criteria.dwell model.affinities log linear
float64
""".split()  # noqa: SIM905
WORDS = """
title model name affinities max_agents params n_agents evidence step_size criteria dwell
hysteresis collapse_threshold run dynamics method horizon step save_intervals replicates seed
precision population distribution mean sd low high median sigma values file column axes path
linspace logspace integers start stop num spacing sources base x
""".split()  # noqa: SIM905
KEYS = st.sampled_from(WORDS)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-2, 9),
    st.floats(),
    st.text(max_size=3),
    st.sampled_from(VALUES),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(max_size=2), inner, max_size=4),
)


def _table(*keys: str):
    return st.dictionaries(st.sampled_from(keys), LEAVES | st.lists(LEAVES, max_size=3), max_size=4) | TREES


SPREADS = _table("start", "stop", "num", "spacing")
AXES = st.fixed_dictionaries(
    {},
    optional={
        "path": LEAVES,
        "values": st.lists(TREES, max_size=3),
        "linspace": SPREADS,
        "logspace": SPREADS,
        "integers": SPREADS,
    },
)
CONFIGS = st.fixed_dictionaries(
    {},
    optional={
        "title": LEAVES,
        "model": _table("name", "affinities", "max_agents"),
        "params": _table("n_agents", "evidence", "step_size"),
        "criteria": _table("collapse_threshold", "hysteresis", "dwell"),
        "run": _table("dynamics", "method", "horizon", "step", "save_intervals", "replicates", "seed"),
        "population": st.dictionaries(
            st.sampled_from(["evidence", "focus_rate", "x"]),
            _table("distribution", "mean", "sd", "low", "high", "values", "file"),
            max_size=2,
        ),
        "axes": st.lists(AXES | TREES, max_size=3),
        "sources": _table("n_agents", "x"),
    },
)


@given(st.dictionaries(KEYS, TREES, max_size=5) | CONFIGS)
def test_any_mapping_loads_or_raises_a_config_error(mapping: dict) -> None:
    try:
        config = load(mapping)
    except ConfigError as error:
        assert all(line.startswith("config: ") for line in error.problems)
    else:
        assert load(config.to_dict()) == config


@given(st.text(max_size=40), st.lists(st.text(max_size=12) | st.builds("{}={}".format, KEYS, LEAVES), max_size=2))
def test_any_text_loads_or_raises_a_config_error(tmp_path_factory, text: str, overrides: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load(path, overrides)
    except ConfigError as error:
        assert error.problems
