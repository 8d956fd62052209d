"""The whole of it: `make reproduce` on the study smoke, in a copy of the project; what it leaves, and what it
refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
from helpers import ROOT, make

from grfkit import cli
from grfkit.field import model as field_model
from grfkit.points import FORCES, INPUTS
from grfkit.reports.html import needs_network

NOTEBOOKS = ["01_preprocess", "02_search", "03_train", "04_table1", "05_table2", "06_table3", "07_figure4"]
COLUMNS = {
    "01_preprocess/stances.csv": "stance file runner side speed_m_s shoe lap trial mass_kg "
    "touchdown_s toeoff_s flight_s split",
    "01_preprocess/excluded.csv": "file side touchdown_s reason",
    "02_search/whitening.csv": "epoch whitened plain mean_curve",
    "04_table1/table1.csv": "estimator direction r_mean r_sd rmse_bw_mean rmse_bw_sd nrmse_pct_mean nrmse_pct_sd n",
    "05_table2/table2.csv": "estimator feature estimated_mean estimated_sd measured_mean measured_sd p n",
    "05_table2/vlr.csv": "estimator definition measured_mean measured_sd ratio_to_default "
    "estimated_mean estimated_sd rel_error_pct r n",
    "06_table3/table3.csv": "estimator feature abs_error_mean abs_error_sd rel_error_pct_mean rel_error_pct_sd n",
    "07_figure4/spm.csv": "direction node t threshold",
    "07_figure4/clusters.csv": "direction start end p",
}


def test_reproduce_leaves_every_report_without_network_or_leftovers(smoke):
    for stem in NOTEBOOKS:
        page = (smoke / f"{stem}.html").read_text(encoding="utf-8")
        assert not needs_network(page)
        assert str(smoke.parent.parent) not in page  # no path of the machine
    assert not list(smoke.rglob("*.failed.ipynb")) and not list(smoke.rglob("*.running.ipynb"))
    assert not [path for path in smoke.rglob("*") if path.name.startswith("~")]
    assert not needs_network((smoke / "index.html").read_text(encoding="utf-8"))


def test_reproduce_saves_the_columns_of_the_contract(smoke):
    for name, columns in COLUMNS.items():
        found = list(pd.read_csv(smoke / "results" / name).columns)
        assert found[: len(columns.split())] == columns.split(), name
        assert all(
            column.startswith("published_") or column in ("weighed_kg", "unit_kg")
            for column in found[len(columns.split()) :]
        ), name
    frames = pd.read_parquet(smoke / "results" / "01_preprocess" / "stances.parquet")
    assert list(frames.columns[:3]) == ["stance", "frame", "time_s"] and frames.shape[1] == 3 + 33 + 3
    estimates = pd.read_parquet(smoke / "results" / "03_train" / "predictions.parquet")
    assert list(estimates["estimator"].unique()) == ["lstm", "mean_curve"]
    for name in (
        "02_search/best.yaml",
        "02_search/search.csv",
        "03_train/model.safetensors",
        "03_train/model.json",
        "03_train/learning.csv",
        "07_figure4/figure4.png",
        "07_figure4/figure4.svg",
    ):
        assert (smoke / "results" / name).stat().st_size > 0


def test_no_runner_is_trained_on_and_tested(smoke):
    stances = pd.read_csv(smoke / "results" / "01_preprocess" / "stances.csv")
    assert not set(stances["runner"][stances["split"] == "train"]) & set(stances["runner"][stances["split"] != "train"])
    frames = pd.read_parquet(smoke / "results" / "01_preprocess" / "stances.parquet")
    left = frames["stance"].isin(stances["stance"][stances["side"] == "l"])
    other_side = [{"l": "r", "r": "l"}.get(name[0], name[0]) + name[1:] for name in INPUTS]
    frames.loc[left, INPUTS] = frames.loc[left, other_side].to_numpy()  # the recipe mirrors left legs
    frames.loc[left, [name for name in INPUTS + FORCES if name.endswith("_ml")]] *= -1
    training = frames[frames["stance"].isin(stances["stance"][stances["split"] == "train"])]
    scalers = json.loads((smoke / "results" / "03_train" / "model.json").read_text(encoding="utf-8"))["scalers"]
    for name, columns in (
        ("points", INPUTS),
        ("forces", FORCES),
    ):  # what is fitted first is fitted on training rows alone
        np.testing.assert_array_equal(scalers[name]["max"], training[columns].to_numpy(float).max(axis=0))
    assert (frames[INPUTS].max() > training[INPUTS].max()).any()  # the test runners would have widened it
    tested = pd.read_parquet(smoke / "results" / "03_train" / "predictions.parquet")["stance"].unique()
    assert set(tested) == set(stances["stance"][stances["split"] == "test"])


def test_make_with_nothing_changed_does_nothing(project, smoke):
    before = {path: path.stat().st_mtime_ns for path in smoke.rglob("*") if path.is_file()}
    done = make(project, "reproduce", "STUDY=smoke")
    assert done.returncode == 0 and "up to date" in done.stdout
    assert before == {path: path.stat().st_mtime_ns for path in smoke.rglob("*") if path.is_file()}


def test_beyond_leaves_every_runner_out_and_says_what_may_be_concluded(beyond):
    smoke = beyond
    stances = pd.read_csv(smoke / "results" / "01_preprocess" / "stances.csv")
    estimates = pd.read_parquet(smoke / "results" / "08_generalisation" / "predictions.parquet")
    names = ["mean_curve", "sine", "two_mass", "ridge", "paper", "plain", "network", "physics", "ensemble"]
    assert list(estimates["estimator"].unique()) == names
    assert (estimates.groupby("estimator")["stance"].nunique() == len(stances)).all()  # every stance of every runner
    for name, columns in {
        "08_generalisation/curves.csv": "estimator direction r",
        "08_generalisation/recipes.csv": "recipe about trained_on",
        "08_generalisation/ensemble_weights.csv": "runner direction recipe weight",
        "08_generalisation/ingredients.csv": "direction r rmse_bw",
        "09_agreement/verdicts.csv": "",
        "10_field/timing.csv": "detector speed touchdown_rmse_ms toeoff_rmse_ms contact_rmse_ms missed false right_pct",
        "10_field/summary.csv": "estimator direction speed r rmse_bw nrmse_pct ratio",
        "10_field/coverage.csv": "speed direction covered_pct",
        "10_field/degraded.csv": "way amount steps estimated_pct contact_rmse_ms nrmse_pct_v",
        "13_moments/scores.csv": "moment",
    }.items():
        assert set(columns.split()) <= set(pd.read_csv(smoke / "results" / name).columns), name
    page = (smoke / "index.html").read_text(encoding="utf-8")
    for stem in ("08_generalisation", "09_agreement", "10_field", "12_stream", "13_moments", "explore"):
        assert f"{stem}.html" in page and not needs_network((smoke / f"{stem}.html").read_text(encoding="utf-8"))


def test_a_model_of_the_field_estimates_what_no_plate_measured(project, beyond, tmp_path):
    """From `make field` to `make estimate`: the folder that the one prints, moved away from its study, is what the
    other takes."""
    done = make(project, "field", "STUDY=smoke")
    assert done.returncode == 0 and done.stdout.rstrip().endswith("MODEL=reports/smoke/results/10_field/model"), (
        done.stderr[-3000:]
    )
    shutil.copytree(beyond / "results" / "10_field" / "model", tmp_path / "model")
    known = pd.read_csv(beyond / "results" / "10_field" / "contacts.csv").dropna(subset="stance")
    known = known[known["file"].isin(known["file"].unique()[:2])]
    (tmp_path / "new").mkdir()
    for file in known["file"].unique():
        shutil.copy(beyond / "recordings" / file, tmp_path / "new")
    done = make(
        project,
        "estimate",
        f"MODEL={tmp_path / 'model'}",
        f"DATA={tmp_path / 'new'}",
        "MASS=70",
        f"OUT={tmp_path / 'out'}",
    )
    assert done.returncode == 0, done.stderr[-3000:]
    steps = pd.read_csv(tmp_path / "out" / "steps.csv")
    assert (
        set(steps["file"]) == {Path(file).name for file in known["file"]}
        and steps["active_peak_bw"].between(1.5, 4).all()
    )
    assert all(
        (np.abs(steps["touchdown_s"] - time) < 0.01).any() for time in known["touchdown_s"]
    )  # now seen by all, then by all others


def test_the_model_that_ships_is_made_anew_byte_for_byte(project, beyond, tmp_path, capsys):
    """On smoke, whose few footsteps are all landmarks: it loses next to nothing. Twice, to the byte."""
    given = ["--study", str(project / "params" / "smoke.yaml"), "--reports", str(beyond)]
    for name in "ab":
        recordings = ["--data", str(beyond / "recordings"), "--out", str(tmp_path / name)]
        assert cli.main(["ship", *given, *recordings]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said] == ["AP", "ML", "V", "14_transfer", "ship"] * 2  # which has not run
    assert all(abs(float(line.split()[-1])) < 0.002 for line in said if line.split()[0] in ("AP", "ML", "V"))
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in "ab")
    assert one == two and set(one) == {"model.json", "model.safetensors", "card.md"}
    model, card = field_model.load(tmp_path / "a")
    assert "as landmarks" in card["limits"][-1] and "smoke" in model.settings["trained_on"]


def test_another_recipe_has_reports_of_its_own(project, smoke):
    """`physics` on the same recordings: its own folder, the same stances, its estimator beside the mean curve."""
    before = {path: path.stat().st_mtime_ns for path in smoke.rglob("*") if path.is_file()}
    done = make(project, "reproduce", "STUDY=smoke", "RECIPE=physics")
    assert done.returncode == 0, done.stderr[-3000:]
    other = project / "reports" / "smoke-physics"
    assert before == {path: path.stat().st_mtime_ns for path in smoke.rglob("*") if path.is_file()}
    assert not (other / "recordings").exists()
    name = "01_preprocess/stances.parquet"
    assert (other / "results" / name).read_bytes() == (smoke / "results" / name).read_bytes()
    table = pd.read_csv(other / "results" / "04_table1" / "table1.csv")
    assert list(table["estimator"].unique()) == ["kernel_ridge", "mean_curve"]
    assert table.loc[table["estimator"] == "kernel_ridge", "published_r_mean"].notna().all()
    assert (
        json.loads((other / "results" / "03_train" / "model.json").read_text(encoding="utf-8"))["provenance"]["recipe"]
        == "physics"
    )
    assert "physics" in (other / "index.html").read_text(encoding="utf-8")


def test_notebooks_are_committed_without_outputs_and_short():
    for path in Path(ROOT / "notebooks").glob("*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                assert not cell["outputs"] and cell["execution_count"] is None, path.name
                assert "def " not in "".join(cell["source"]), path.name
                assert len(cell["source"]) < 10 or "parameters" in cell["metadata"].get("tags", []), path.name


def test_each_cell_of_a_notebook_stands_under_a_sentence():
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        if path.stem == "estimate":  # the coach's page shows no code
            continue
        kinds = [cell["cell_type"] for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
        assert ("code", "code") not in zip(kinds, kinds[1:], strict=False) and kinds[0] == "markdown", path.stem
