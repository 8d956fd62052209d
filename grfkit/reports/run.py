"""Run a notebook and write its report, its provenance and the index of its study.

In: a notebook, a study and, if needed, a folder of recordings and a recipe. Out: NN_name.html, which needs no network,
NN_name.ipynb and NN_name.json in the study's folder of reports, and index.html.

    grfkit run notebooks/01_preprocess.ipynb --study params/virtual.yaml --reports reports/virtual
    grfkit index --study params/virtual.yaml --reports reports/virtual

A report is written under a temporary name and renamed, the HTML last, so that `make` never takes half a report for a
whole one. The heavy imports (papermill, nbconvert) are inside functions, so that a typing error is answered at once.
"""

import ast
import importlib
import json
import os
import re
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from grfkit.study import file as study_file
from grfkit.study import provenance, recipes
from grfkit.study import record as records
from grfkit.study.store import write_text

START_FAILURES = ("Address already in use", "Kernel died before replying to kernel_info")  # a race for ports: try again
OURS = ("ValueError", "StudyError", "InputError", "FileNotFoundError")
LINK = re.compile(r"\]\((\.\./[^)#]+)")
ABOVE = re.compile(r"(?<![\w./\\])\.\./")  # notebooks/ sees a path so, and make sees it without
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class NotebookFailed(Exception):
    """A cell of the notebook raised; the message is what the user should read."""


def run(notebook, *, study, reports, data=None, recipe=None, others=(), pooled=()):
    """Run one notebook of a study and write NN_name.html, .ipynb and .json into `reports`; return the HTML's path.

    `study` is a study.file.Study, `data` the folder of raw recordings or None (then the study file's own), `recipe` a
    recipe file or None (then the paper's: the study is a reproduction), `others` are study.others.Other. Raises
    ValueError or OSError before the first cell runs, NotebookFailed after a cell raised; then the executed copy stays
    as NN_name.failed.ipynb and no stale report is left.
    """
    notebook, reports = Path(notebook), Path(reports)
    given = {"study": study, "reports": reports, "data": data, "recipe": recipe, "others": others, "pooled": pooled}
    parameters, folder = collect_parameters(notebook, **given)
    reports.mkdir(parents=True, exist_ok=True)
    _remove_changed_results(reports, notebook.stem)
    used = {"recipe": Path(parameters["recipe"]).stem} if "recipe" in parameters else {}
    record = {
        "notebook": notebook.stem,
        "status": "failed",
        "started": datetime.now(UTC).isoformat(),
        **provenance.describe(study, root=notebook.resolve().parent.parent),
        **used,
        "parameters": {name: value for name, value in parameters.items() if name not in records.PATHS},
        **_note_inputs(notebook, study, reports, parameters, folder, [*others, *pooled]),
    }
    running, clock = reports / f"{notebook.stem}.running.ipynb", time.perf_counter()
    try:
        executed = _execute(notebook, running, parameters)
    except KeyboardInterrupt:
        running.unlink(missing_ok=True)
        raise
    except Exception as error:  # whatever stopped it, a dead kernel included, is recorded and shown
        message, where = _explain(error)
        record |= {"duration_s": time.perf_counter() - clock, "error": message}
        _keep_failed(notebook.stem, running, record)
        raise NotebookFailed(f"{message}\n{where}".strip()) from error
    record |= {"status": "done", "duration_s": time.perf_counter() - clock}
    record["results"] = records.hash_results(reports / "results" / notebook.stem)
    _relink(executed, notebook.resolve().parent, reports.resolve())
    return _keep_done(notebook.stem, running, executed, record)


def _remove_changed_results(reports, stem):
    """Remove results that differ from those the last complete run saved, so that this run does not reuse them."""
    last = records.read(reports, stem)
    for name in records.changed_results(reports, last) if last else []:
        (reports / "results" / stem / name).unlink(missing_ok=True)


def _note_inputs(notebook, study, reports, parameters, folder, others):
    """Return what the record notes about a notebook's inputs; recordings are noted by the first notebook only."""
    home = notebook.resolve().parent
    theirs = [path for other in others for path in (other.study.path, *_first_results(other.reports))]
    named = [home / parameters[name] for name in ("published", "recipe") if name in parameters]
    recipes_there = sorted((home / parameters["recipes"]).glob("*.yaml")) if "recipes" in parameters else []
    table = study_file.table_beside(study)
    return records.note_inputs(
        reports,
        [notebook, *named, *recipes_there, *theirs, *_abroad(notebook, reports, others)],
        folder=folder if notebook.stem.startswith("01") else None,
        tables=[table] if table else [],
    )


def _abroad(notebook, reports, others):
    """List what 14 found about other laboratories, which 10 puts into its model, if 14 of the (first) study has run."""
    folder = (others[0].reports if others else reports) / "results" / "14_transfer"
    paths = [folder / name for name in ("needed.csv", "curves.csv", "features.csv")]
    return [path for path in paths if path.is_file()] if notebook.stem == "10_field" else []


def _first_results(reports):
    """List what 01 saved of another study and a notebook reads."""
    names = ("stances.csv", "stances.parquet", "offset.csv")
    paths = [reports / "results" / "01_preprocess" / name for name in names]
    return [path for path in paths if path.is_file()]


def collect_parameters(notebook, *, study, reports, data=None, recipe=None, others=(), pooled=()):
    """Return ({name: value} to inject, folder of raw recordings or None) for a notebook, checked.

    seed, study, results, data, published, recipe, recipes (the folder of all), others and pooled ({name: study, data,
    results of each}) are injected where the notebook declares them, paths relative to its folder. Raises ValueError
    if the study sets what the notebook's cell `parameters` does not declare (papermill only warns).
    """
    declared = declared_parameters(notebook)
    section = study.sections.get(notebook.stem, {})
    unknown = sorted(set(section) - declared)
    if unknown:
        raise ValueError(
            f"A study sets only names that the notebook's cell tagged `parameters` declares; {study.path} sets "
            f"{', '.join(unknown)} for {notebook.name}. Correct or delete the line. Declared: "
            f"{', '.join(sorted(declared)) or 'none'}."
        )
    folder = data_folder(study, reports=reports, data=data) if "data" in declared else None
    home = notebook.resolve().parent
    given = {
        "seed": study.seed,
        "study": _relative(study.path, home),
        "results": _relative(reports / "results", home),
        "data": folder and _relative(folder, home),
        "recipe": _relative(recipe or home.parent / "params" / "recipes" / "paper.yaml", home),
        "recipes": _relative(home.parent / "params" / "recipes", home),
        "published": _relative(home.parent / "params" / "published.yaml", home),
        "others": {other.name: _places(other, home) for other in others},
        "pooled": {other.name: _places(other, home) for other in pooled},
    }
    if recipe or "recipe" in declared:  # a wrong one is reported before 01 has read all recordings
        recipes.load(recipe or home / given["recipe"])
    table = study_file.table_beside(study) if "table" in section else None
    section = section | {"table": _relative(table, home)} if table else section
    return {name: value for name, value in given.items() if name in declared} | section, folder


def _places(other, home):
    """Write where another study's file, recordings and results are, as seen from a notebook's folder."""
    places = {"study": other.study.path, "data": other.data, "results": other.reports / "results"}
    return {name: _relative(path, home) for name, path in places.items()}


def declared_parameters(notebook):
    """Return the names that the notebook's cell tagged `parameters` assigns, without running it."""
    if not notebook.is_file():
        raise ValueError(f"A notebook is an .ipynb file; {notebook} does not exist. Run from the project's folder.")
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        tagged = [cell for cell in cells if "parameters" in cell["metadata"].get("tags", [])]
        body = [line for cell in tagged for line in ast.parse("".join(cell["source"])).body]
    except (ValueError, KeyError, TypeError, SyntaxError) as error:
        raise ValueError(
            f"A notebook is JSON with cells; {notebook} cannot be read ({error!r}). Save it again in JupyterLab."
        ) from None
    targets = [target for line in body if isinstance(line, ast.Assign) for target in line.targets]
    targets += [line.target for line in body if isinstance(line, ast.AnnAssign)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def data_folder(study, *, reports, data=None):
    """Return the folder of raw recordings: `data` if given, what the laboratory records, or the study file's own."""
    if data:
        folder = Path(data)
    elif study.data == "recordings" and study.laboratory is not None:
        return Path(reports) / "recordings"  # made by the run itself
    elif study.data:
        folder = Path(study.data)
    else:
        raise ValueError(
            f"A study needs recordings; {study.path} names no folder (study.data is null). "
            "Give the folder: DATA=DIR with make, or --data DIR with grfkit run."
        )
    return _check_folder(folder)


def _check_folder(folder):
    from grfkit.recordings.trials import check_folder  # it loads pandas

    return check_folder(folder)


def _relative(path, start):
    """Write `path` as seen from `start`, with forward slashes: a report holds no path of the machine it was made on."""
    try:
        return Path(os.path.relpath(Path(path).resolve(), start)).as_posix()
    except ValueError:  # another drive of a Windows machine has no relative path
        return Path(path).resolve().as_posix()


def _execute(notebook, output, parameters):
    """Execute the notebook in its folder, its output streamed to the terminal; try twice if the kernel cannot start."""
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")  # this environment's kernel, not one the user installed
    import papermill

    # while the kernel starts and works, this process waits: time to load what the HTML needs
    threading.Thread(target=importlib.import_module, args=("grfkit.reports.html",), daemon=True).start()
    for attempt in (1, 2):
        try:
            return papermill.execute_notebook(
                notebook.resolve(),
                output.resolve(),
                parameters,
                kernel_name="python3",
                progress_bar=False,
                cwd=notebook.resolve().parent,
                stdout_file=sys.stdout,
                stderr_file=sys.stderr,
                coalesce_streams=True,
                extra_arguments=["--IPKernelApp.log_level=50"],  # else it warns of its transport
                shutdown_kernel="immediate",
            )  # all that it computed is saved: no second of waiting for it
        except Exception as error:
            if attempt == 2 or not any(text in str(error) for text in START_FAILURES):
                raise


def _explain(error):
    """Return (message, lines of the cell that raised); our own errors are clear without these lines."""
    name = getattr(error, "ename", type(error).__name__)
    message = ABOVE.sub("", f"{name}: {getattr(error, 'evalue', error)}")
    if name == "DeadKernelError":
        message += ". The usual cause is too little memory: close other programs, or use fewer recordings"
    cell = f"cell [{error.exec_count}]: " if getattr(error, "exec_count", None) else ""
    frames = [] if name in OURS else [ANSI.sub("", frame).strip() for frame in getattr(error, "traceback", None) or []]
    return cell + message, "\n".join(frame for frame in frames if frame.startswith("Cell In"))


def _keep_failed(stem, running, record):
    """Keep the executed copy to read, remove the notebook's stale report, write why."""
    reports = running.parent
    for suffix in (".html", ".ipynb"):
        (reports / f"{stem}{suffix}").unlink(missing_ok=True)
    if running.exists():
        os.replace(running, reports / f"{stem}.failed.ipynb")
    write_text(reports / f"{stem}.json", json.dumps(record, indent=1, ensure_ascii=False))


def _relink(executed, home, reports):
    """Turn links that are relative to the notebook's folder into links that lead from `reports` to the same file."""
    for cell in executed.cells:
        if cell.cell_type == "markdown":
            cell.source = LINK.sub(lambda found: f"]({_relative(home / found[1], reports)}", cell.source)


def _keep_done(stem, running, executed, record):
    """Write the executed notebook, its provenance and, last, its HTML."""
    import nbformat

    from grfkit.reports.html import needs_network, notebook_page

    reports = running.parent
    for key in ("input_path", "output_path"):
        executed.metadata.papermill[key] = f"{stem}.ipynb"
    write_text(reports / f"{stem}.ipynb", nbformat.writes(executed))
    running.unlink(missing_ok=True)
    html = notebook_page(executed, record)
    for thing in needs_network(html):
        print(f"warning: {stem}.html needs the network: {thing}", file=sys.stderr)
    (reports / f"{stem}.failed.ipynb").unlink(missing_ok=True)
    write_text(reports / f"{stem}.json", json.dumps(record, indent=1, ensure_ascii=False))
    return write_text(reports / f"{stem}.html", html)


def write_index(study, reports):
    """Write index.html of a study from the results that its notebooks have saved so far, and the page of all studies.

    Returns the path of the index.
    """
    from grfkit.reports.index import index_page
    from grfkit.reports.studies import place

    Path(reports).mkdir(parents=True, exist_ok=True)
    above = "../index.html" if place(reports) else None
    path = write_text(Path(reports) / "index.html", index_page(study, Path(reports), above=above))
    write_comparison(reports)
    return path


def write_comparison(reports):
    """Write the page of all studies in the folder above `reports`, if that page is ours.

    A failure is a warning, because no study depends on the page.
    """
    from grfkit.reports import studies as studies_page

    path = studies_page.place(reports)
    if path is None:
        return
    try:
        write_text(path, studies_page.compare_page(path.parent))
    except (OSError, ValueError) as error:
        print(f"warning: {path.as_posix()} could not be written: {error}", file=sys.stderr)


def remember(reports, data):
    """Note in `reports` where the recordings are; later runs of make compare it with their DATA.

    Raises ValueError if there is no such folder.
    """
    text, reports = f"LAST_DATA := {data}\n", Path(reports)
    if data:
        _check_folder(data)
    reports.mkdir(parents=True, exist_ok=True)
    for name in ("data.stamp", "data.mk"):  # data.mk last: a kill in between must not hide that DATA moved
        write_text(reports / name, text)
