"""The job that compares kept fits."""

import math
import os
from collections.abc import Sequence
from typing import Any

from entropyjax.inference.compare import Comparison, compare
from entropyjax.io.store import open_result
from entropyjax.jobs.errors import JobError
from entropyjax.jobs.fit_data import KIND, contender


def compare_fits(paths: Sequence[str | os.PathLike], on: str = "tasks") -> Comparison:
    """Return a comparison of kept fits by what they foretell of held-out `tasks` or `steps`.

    **Raises:** `JobError` for a result that is no fit, `InferenceError` for fits that cannot be compared.
    """
    fits = [open_result(path) for path in paths]
    for path, dataset in zip(paths, fits, strict=True):
        if dataset.attrs.get("kind") != KIND:
            raise JobError(f"{path} holds no fit; make one with the command fit.")
    models = [dataset.attrs["model"] for dataset in fits]
    names = [
        model if models.count(model) == 1 else f"{model} ({os.path.basename(os.path.normpath(path))})"
        for model, path in zip(models, paths, strict=True)
    ]
    observed = {dataset.attrs["observed"] for dataset in fits}
    if len(observed) > 1:
        raise JobError(
            f"The fits are to different observations ({'; '.join(sorted(observed))}), so that their scores do not "
            "compare; fit all of them to the same with --observe."
        )
    return compare([contender(dataset, name) for dataset, name in zip(fits, names, strict=True)], on)


def comparison_record(found: Comparison) -> dict[str, Any]:
    """Return what a program may want to know of a comparison, as JSON values."""
    rows = zip(found.contenders, found.means, found.differences, strict=True)
    return {
        "held_out": found.what,
        "sentence": found.sentence(),
        "models": [
            {
                "name": one.name,
                "null": one.null,
                "parameters": one.parameters,
                "nat_per_decision": mean,
                "behind_best": gap.mean,
                "behind_best_error": gap.error if math.isfinite(gap.error) else None,
                "aicc": one.aicc if math.isfinite(one.aicc) else None,
                "bic": one.bic if math.isfinite(one.bic) else None,
            }
            for one, mean, gap in rows
        ],
    }
