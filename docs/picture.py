"""Draw docs/forces.png, the picture of README, from the study `rbds` with the recipe `physics`: `make figures`.

Mean and SD of the measured and the estimated force over the stances of the test runners, whom the model never saw.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "reports" / "rbds-physics" / "results"
NODES = 100


def main():
    """Draw the picture anew if its results are there; returns the exit status."""
    if not (RESULTS / "03_train" / "predictions.parquet").is_file():
        print(f"kept as committed: docs/forces.png, whose results are not in {RESULTS.relative_to(ROOT)}")
        return 0
    import matplotlib.pyplot as plt

    from grfkit import metrics, plot, spm
    from grfkit.points import DIRECTION_NAMES
    from grfkit.study import store

    stances = store.read(RESULTS, "01_preprocess/stances.csv")
    predictions = store.read(RESULTS, "03_train/predictions.parquet")
    own = predictions["estimator"] == metrics.ours(predictions)
    curves = spm.curves(predictions[metrics.in_stance(predictions, stances) & own], nodes=NODES)
    figure, axes = plt.subplots(1, 3, figsize=(9.6, 3.2), layout="constrained")
    for i, (ax, name) in enumerate(zip(axes, DIRECTION_NAMES.values(), strict=True)):
        plot.mean_band(ax, curves[0][..., i], label="measured", color=plot.MEASURED)
        plot.mean_band(ax, curves[1][..., i], label="estimated", color=plot.ESTIMATED, linestyle="--", hatch="///")
        plot.zero_line(ax).set(title=name, ylabel="force (BW)")
    plot.legend(axes[1], loc="lower right")
    plot.note(axes[2], f"n = {len(curves[0])} stances")
    figure.savefig(ROOT / "docs" / "forces.png", dpi=130)
    print("written: docs/forces.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
