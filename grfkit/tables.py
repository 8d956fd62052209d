"""Tables 2 and 3: do the features of estimated and measured curves differ, and by how much (paper section 1.5)."""

import numpy as np
import pandas as pd
from scipy.stats import ttest_rel

from grfkit.metrics import beside_published


def table2(features, published):
    """Compare each feature, estimated against measured, by a paired two-tailed t-test (paper Table 2).

    `features` as features.by_stance returns; stances without an estimate (NaN) are left out. Source of "two-tailed": our
    reading, the text does not say.
    """
    rows = []
    for (estimator, feature), pairs in features.groupby(["estimator", "feature"], sort=False):
        pairs = pairs.dropna(subset="estimated")
        estimated, measured = pairs["estimated"], pairs["measured"]
        rows.append(
            {
                "estimator": estimator,
                "feature": feature,
                "estimated_mean": estimated.mean(),
                "estimated_sd": estimated.std(),
                "measured_mean": measured.mean(),
                "measured_sd": measured.std(),
                "p": ttest_rel(estimated, measured).pvalue if len(pairs) > 1 else np.nan,
                "n": len(pairs),
            }
        )
    return beside_published(pd.DataFrame(rows), "feature", published)


def table3(features, published):
    """Summarise each feature's absolute error and its error relative to the measured value, % (paper Table 3).

    Stances without an estimate (NaN) are left out.
    """
    error = (features["estimated"] - features["measured"]).abs()
    errors = features.assign(abs_error=error, rel_error_pct=100 * error / features["measured"].abs())
    groups = errors.groupby(["estimator", "feature"], sort=False)
    table = pd.DataFrame(
        {
            f"{name}_{what}": getattr(groups[name], {"mean": "mean", "sd": "std"}[what])()
            for name in ("abs_error", "rel_error_pct")
            for what in ("mean", "sd")
        }
    )
    table["n"] = groups["abs_error"].count()
    return beside_published(table.reset_index(), "feature", published)
