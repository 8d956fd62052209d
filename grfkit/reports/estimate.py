"""Estimate the forces of one recording in Python.

In: a recording as grfkit.read gives it, or its file. Out: an Estimate, which holds tables and curves, draws them, and
writes files for other programs.

    import grfkit
    run = grfkit.read("run.trc")
    result = grfkit.estimate(run, mass_kg=70)
    result.steps, result.curves        # tables (pandas)
    result.plot()
    result.to_mot("run.mot"), result.to_c3d("run_forces.c3d"), result.save("report")
"""

from dataclasses import dataclass
from html import escape
from os import PathLike
from pathlib import Path

import pandas as pd

from grfkit.field import estimate as field_estimate
from grfkit.field import model as field_model
from grfkit.points import GRAVITY, InputError
from grfkit.recordings import trials
from grfkit.recordings.discover import Found
from grfkit.reports import estimate_figures, estimate_words
from grfkit.reports.estimate_words import DIRECTION_WORDS
from grfkit.reports.words import SPACE

FIGURE = (11, 3.2)  # inches of three curves side by side
FIGURE_HTML = (
    '<figure style="margin: 0"><figcaption>{title}</figcaption>'
    '<img src="{src}" alt="{alt}" style="width: 22em; max-width: 100%"></figure>'
)


@dataclass(frozen=True, repr=False, eq=False)
class Estimate:
    """The forces of one recording, estimated.

    `steps` has a row for each step (times in s from the first frame, features in body weights, each with `_low` and
    `_high`, the edges of its band), `curves` 101 rows for each step (`est_ap`, `est_ml`, `est_v` in body weights, and
    the centre of pressure from the ankle joint in m where the model gives it). With a mass both also have newtons
    (`_n`). Their columns are those of the command's steps.csv and curves.csv.
    """

    recording: Found
    mass_kg: float | None
    steps: pd.DataFrame
    curves: pd.DataFrame
    warnings: list  # of str: reasons why the forces may be wrong
    model: field_model.FieldModel
    table: pd.DataFrame  # of one row, as in recordings.csv: what was found in the recording
    study: str = ""  # name of the study that said where the points are

    def plot(self, axes=None):
        """Draw the mean force of left and right steps over contact, with its band, on axes (3,).

        The axes are V, AP, and ML, which is positive to the inside of each leg. Without `axes` pyplot makes a new
        figure. Returns the axes.
        """
        from grfkit.reports.plots import field as field_plots

        if axes is None:
            from matplotlib import pyplot

            _, axes = pyplot.subplots(1, 3, figsize=FIGURE, layout="constrained")
        means = estimate_figures.mean_curves(self._file, self.steps, self.curves)
        for ax, (direction, sides) in zip(axes, means.items(), strict=True):
            field_plots.mean_curves(ax, sides, weight_n=self._weight_n).set_title(DIRECTION_WORDS[direction])
        axes[0].get_legend().set_title(f"mean, {self._band}")
        return axes

    def to_mot(self, path):
        """Write forces and centres of pressure for OpenSim: a .mot file, and its ExternalLoads (XML) next to it.

        Returns both paths. Raises InputError without a mass, because these forces are in N, and for another suffix.
        """
        from grfkit.reports.exports import mot

        return mot.write(path, self.recording, self.steps, self.curves, self.mass_kg)

    def to_c3d(self, path):
        """Write the points, and a virtual force plate for each foot, as a C3D file.

        Returns a list of its path. Raises InputError without a mass, because these forces are in N, and for another
        suffix.
        """
        from grfkit.reports.exports import c3d

        return c3d.write(path, self.recording, self.steps, self.curves, self.mass_kg)

    def save(self, folder):
        """Write the page and the tables that the command `grfkit estimate` writes to a folder; returns the page's path.

        The folder is new, empty, or holds an earlier report, which is replaced. Raises ValueError if it is anything
        else or cannot be written, and InputError for a model without a card, which was never saved.
        """
        from grfkit.reports import estimate_page

        if self.model.card is None:
            raise InputError(
                "A page shows the errors of its model from the model's card; this model has no card, because it was "
                "never saved.",
                "Save it (grfkit.estimators.model_folder.save), and estimate with the saved folder.",
            )
        file = self.recording.file
        estimate_page.check_out(folder, file)
        tables = self.steps, self.curves, self.table
        estimate_page.write(folder, *tables, model=self.model, card=self.model.card, data=file, study=self.study)
        return Path(folder) / estimate_page.PAGE

    @property
    def _file(self):
        return self.table["file"].iloc[0]

    @property
    def _weight_n(self):
        return self.mass_kg and self.mass_kg * GRAVITY

    @property
    def _band(self):
        return f"{100 * self.model.settings['level']:g} % band"

    def _sentences(self):
        (row,) = self.table.to_dict("records")
        return estimate_words.in_brief(row, self.steps)

    def __repr__(self):
        sentences = [text.replace(SPACE, " ") for text in self._sentences()]
        warnings = [f"warning: {text}" for text in self.warnings]
        return "\n".join([f"Estimate of {self._file}", *sentences, *warnings])

    def _repr_html_(self):
        """Show sentences, the three curves and the warnings in Jupyter: images inside, no script, no network."""
        level = self.model.settings["level"]
        figures = estimate_figures.curve_figures(self._file, self.steps, self.curves, self._weight_n, level)
        shown = "".join(FIGURE_HTML.format(**{key: escape(text) for key, text in each.items()}) for each in figures)
        warnings = "".join(f"<li><strong>Warning:</strong> {escape(text)}</li>" for text in self.warnings)
        return (
            f"<div><p><strong>{escape(self._file)}</strong></p><p>{escape(' '.join(self._sentences()))} "
            f"Below: the mean force over contact, with its {self._band}.</p>"
            f'<div style="display: flex; flex-wrap: wrap">{shown}</div>'
            f"{f'<ul>{warnings}</ul>' * bool(warnings)}</div>"
        )


def estimate(run, *, mass_kg=None, model=None, study=None, treadmill=None, speed_m_s=None, rate_hz=None):
    """Estimate ground reaction forces of one recording of running; returns an Estimate.

    `run` is what grfkit.read or grfkit.from_array gives, or the path of a file. With a path, `treadmill` (True or
    False), `speed_m_s` and `rate_hz` are those of grfkit.read, and `study` is the path of a study file that says where
    the points are. `mass_kg` of the runner gives forces in newtons too. `model` is a folder, or what grfkit.load_model
    gives, which saves loading it for each recording; None is the model that comes with grfkit.

    Raises grfkit.field.estimate.Refused if nothing can be estimated (walking, points that were smoothed too strongly,
    no step that is seen completely). Raises ValueError for a file that cannot be read, numbers that cannot be a
    runner's, or a folder that holds no such model.

    >>> import grfkit
    >>> from pathlib import Path
    >>> run = grfkit.read(Path(grfkit.__file__).parent / "example" / "run.trc")
    >>> result = grfkit.estimate(run, mass_kg=68)
    >>> print(result)  # doctest: +ELLIPSIS
    Estimate of run.trc
    23 steps at 3.35 m/s on a treadmill: 168 steps a minute, ...
    >>> result.steps[["side", "touchdown_s", "contact_s", "active_peak_bw", "active_peak_n"]].shape
    (23, 5)
    >>> result.curves[["step", "node", "est_ap", "est_ml", "est_v", "est_v_n"]].shape  # 101 nodes a step
    (2323, 6)
    """
    given = {"treadmill": treadmill, "speed_m_s": speed_m_s, "rate_hz": rate_hz}
    found, mass_kg = _recording(run, study=study, **trials.check_given(mass_kg=mass_kg, **given))
    model = _loaded(model)
    steps, curves, table = field_estimate.estimate_recordings(
        model, [found], [mass_kg], {}, folder=found.file.parent, home=field_estimate.home_of(model, study)
    )
    (row,) = table.to_dict("records")
    if row["refused"]:
        raise field_estimate.Refused(row["refused"])
    warnings = row["warnings"].split(field_estimate.BETWEEN) if row["warnings"] else []
    return Estimate(found, mass_kg, steps, curves, warnings, model, table, Path(study or "").stem)


def _recording(run, *, mass_kg, study, **reading):
    """Give a recording, read where `run` is a path, and its runner's mass: discover.Found, kg or None."""
    if isinstance(run, Found):
        given = [name for name, value in {"study": study, **reading}.items() if value is not None]
        if given:
            raise InputError(
                f"A recording that was read has its treadmill, speed and rate already; {', '.join(given)} came too "
                "late.",
                "Give it to grfkit.read, or give grfkit.estimate the path of the file.",
            )
        return field_estimate.with_mass(run, mass_kg)
    if not isinstance(run, (str, PathLike)):
        raise InputError(
            f"An estimate takes a recording, as grfkit.read gives it, or a file; found a {type(run).__name__}.",
            "To estimate from an array of points, make a recording: grfkit.from_array(points, rate_hz).",
        )
    if Path(run).is_dir():
        raise InputError(
            f"grfkit.estimate takes one recording, a file; {run} is a folder.",
            "Give one of its files. For all of them use grfkit.field.estimate.estimate_all, or the command grfkit "
            "estimate.",
        )
    (found,), (mass_kg,), _ = field_estimate.read_all(run, study_file=study, mass_kg=mass_kg, **reading)
    return found, mass_kg


def _loaded(model):
    """Give a FieldModel: the one of the package (None), of a folder, or the one that was loaded, also with its card."""
    if model is None or isinstance(model, (str, PathLike)):
        return field_model.load(model)[0]
    return model[0] if isinstance(model, tuple) else model
