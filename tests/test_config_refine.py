"""Mistakes in [refine]: each a sentence at its line."""

import pytest

from entropyjax.io.config import ConfigError, load

X = "x = { path = 'params.n_agents', lower = 2.0, upper = 64.0, scale = 'log' }"
Y = "y = { path = 'params.context_window', lower = 16.0, upper = 256.0 }"
BOTH = f"[refine]\n{X}\n{Y}\n"
AXIS = "[[axes]]\npath = 'params.evidence'\nvalues = [1.0, 2.0]\n"

CASES = {
    "key": (f"{BOTH}levl = 0.5", "bad.toml:4: 'levl' is not a key of [refine]; did you mean 'level'?"),
    "axis key": (f"[refine]\n{Y}\nx = {{ path = 'a', lower = 1 }}", "bad.toml:3: refine.x lacks 'upper'"),
    "level": (f"{BOTH}level = 1.0", "bad.toml:4: level = 1.0 is outside (0, 1): Probability that the boundary is at."),
    "of": (f"{BOTH}of = 'collapse'", "bad.toml:4: of = 'collapse' is not possible; did you mean 'collapsed'?"),
    "scale": (f"[refine]\n{X}\ny = {{ path = 'params.evidence', lower = 1, upper = 2, scale = 'lin' }}", "bad.toml:3"),
    "resolution": (f"{BOTH}resolution = 100", "bad.toml:4: resolution = 100 is not start = 16 times a power of two"),
    "most": (f"{BOTH}most = 100", "bad.toml:4: most = 100 is not a multiple of replicates = 64; take 128."),
    "numbers": (f"{BOTH}resolution = 4096", "bad.toml:1: 16785409 points with up to 1024 trajectories have"),
    "never": (f"{BOTH}level = 0.001", "can nowhere tell level = 0.001 at 3 standard errors; take 8991 or more."),
    "one axis": (f"[refine]\n{X}", "bad.toml:2: [refine] gives x and not y; give both or none."),
    "no axes": ("[refine]\nlevel = 0.4", "bad.toml:1: [refine] needs two axes: give x and y"),
    "three axes": (f"{BOTH}{AXIS}", "bad.toml:4: axes[0] (params.evidence) stands beside [refine]"),
    "one of the sweep": (f"[refine]\n{AXIS}", "with two values or more, not 1 axes."),
    "path": (f"[refine]\n{Y}\n{X.replace('n_agents', 'n_agnts')}", "bad.toml:3: refine.x: nothing stands at"),
    "no parameter": (f"[refine]\n{Y}\n{X.replace('params.n_agents', 'run.horizon')}", "is no parameter or criterion"),
    "bounds": (f"[refine]\n{Y}\n{X.replace('2.0', '1.0')}", "bad.toml:3: refine.x (params.n_agents): n_agents = 1 is"),
    "order": (f"[refine]\n{Y}\n{X.replace('2.0', '128.0')}", "lower = 128 must be below upper = 64; exchange them."),
    "log": (
        f"[refine]\n{Y}\nx = {{ path = 'params.error_tokens', lower = 0.0, upper = 2.0, scale = 'log' }}",
        "bad.toml:3: refine.x (params.error_tokens): lower = 0 has no logarithm",
    ),
    "twice": (f"[refine]\n{X}\n{X.replace('x =', 'y =')}", "would both be called 'n_agents'; choose two parameters."),
    "drawn": (
        f"{BOTH}[population.n_agents]\ndistribution = 'uniform'\nlow = 2.0\nhigh = 8.0",
        "bad.toml:2: refine.x (params.n_agents) is drawn by [population] too",
    ),
    "micro-step": (
        f"[run]\ndynamics = 'agents'\n[refine]\n{Y}\nx = {{ path = 'params.step_size', lower = 0.5, upper = 1.0 }}",
        "bad.toml:5: refine.x (params.step_size) is the micro-step of agents",
    ),
    "margin": (f"[model]\nname = 'replicator'\n{BOTH}of = 'margin'", "of = 'margin' is the curve M = 0 of the star"),
    "margin of criteria": (
        f"[refine]\nof = 'margin'\n{X}\ny = {{ path = 'criteria.dwell', lower = 0.0, upper = 1.0 }}",
        "bad.toml:2: of = 'margin' depends on the parameters alone",
    ),
    "table": ("refine = 5", "bad.toml:1: [refine] must be a table, not 5."),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_a_sentence_at_its_line(case, tmp_path):
    text, expected = CASES[case]
    path = tmp_path / "bad.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    message = str(caught.value).replace(f"{tmp_path}/", "")
    assert expected in message, message
    assert len(caught.value.problems) == 1, message


def test_the_example_is_right():
    checked = load("sweeps/boundary.toml")
    assert checked.refine is not None and checked.refine.batches == 16
