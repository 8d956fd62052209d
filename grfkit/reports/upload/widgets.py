"""The widgets of the notebook estimate: a recording is dropped, its forces are shown.

In: a file as ipywidgets hands it over, a body mass, and whether the runner was on a treadmill. Out: a widget that shows
progress, then the coach's page and links that save its files; or one message that says what is wrong. No path is taken
from a file's name: the recording lies under a name of ours in a temporary folder that goes again.
"""

import io
import re
import tempfile
import zipfile
from base64 import b64encode
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from html import escape
from pathlib import Path

import ipywidgets

import grfkit
from grfkit.field import model as field_model
from grfkit.points import InputError
from grfkit.recordings import files
from grfkit.recordings.formats import foreign
from grfkit.recordings.read import why_unread
from grfkit.reports import estimate_page

SUFFIXES = (*files.POINTS_AND_PLATES, *foreign.TEXT)
MOST_BYTES = 100_000_000  # of a recording: our choice, some 20 minutes of 60 markers at 200 Hz
# of a file that has a link of its own, a larger one is in the zip alone: our choice, with which what ten seconds give
# stays below the 3 MB that JupyterLab shows at once
EACH_BYTES = 500_000
POUND_KG = 0.4536
SCRIPT = Path(__file__).with_name("drop.js")
STAGES = ("Reading the recording", "Estimating the forces", "Drawing the page", "Packing the files")
TREADMILL = [("find out from the recording", None), ("yes", True), ("no", False)]
BASE = '<base href="about:srcdoc">'  # without it, a link within the page would load this page into the frame
STYLE = """<style>
.grf-drop { border: 2px dashed #767676; border-radius: 8px; padding: 1.2em; margin-bottom: .8em;
  align-items: center; overflow: hidden }
.grf-drop.grf-over { border-color: #0072b2; background: #0072b21a }
.grf-upload { font-size: 0 } /* of ipywidgets' own label, which counts files */
.grf-upload i, .grf-upload::after { font-size: var(--jp-widgets-font-size, 13px) }
.grf-upload::after { content: "Choose a file" }
.grf-told p { margin: .4em 0; line-height: 1.4; max-width: 60em; overflow-wrap: anywhere }
.grf-told .grf-wrong { border-left: 4px solid #d55e00; padding: .4em .8em; background: #d55e001a }
.grf-files { line-height: 2; margin: 0 0 .6em }
.grf-files span { margin-right: 1.2em; white-space: nowrap }
.grf-files a { color: #0b57a4; text-decoration: underline }
.grf-page { width: 100%; height: 85vh; border: 1px solid #767676; border-radius: 4px; background: #fff }
</style>"""


def drop(model=None):
    """Let a recording be dropped, and show its estimate by the model of a folder (None: of the package); a widget."""
    one, load = {}, cache(field_model.load)
    upload, mass, treadmill, start = _controls()
    told, shown = _named("grf-told", ipywidgets.HTML()), _named("grf-shown", ipywidgets.HTML())
    bar = ipywidgets.IntProgress(max=len(STAGES), layout={"display": "none", "width": "100%", "max_width": "30em"})

    def arrive(_):
        if upload.value:
            one.update(name=_name(upload.value[0]), content=upload.value[0]["content"].tobytes())
            upload.value = ()  # a notebook that is saved keeps what its widgets hold: a recording shall not be there
            shown.value = told.value = ""  # told anew even where it is the same: the script may have said more
            start.disabled, told.value = _arrived(**one, mass=mass.value)

    def ask(change):  # for the mass only while it is missing, and only as long as nothing else was told
        if one and told.value == _arrived(**one, mass=change["old"])[1]:
            told.value = _arrived(**one, mass=change["new"])[1]

    def advance(stage):
        bar.value, told.value = stage, _line(f"{STAGES[stage]} …")

    def answer(_):
        shown.value = ""
        with _busy(bar, start, upload, mass, treadmill):
            try:
                given = {"mass_kg": read_mass(mass.value), "treadmill": treadmill.value, "model": load(model)}
                saved, absent = estimate(**one, advance=advance, **given)
                shown.value = show(one["name"], saved)
                told.value = _line(f"{_estimated(one['name'], given['mass_kg'])} {absent}")
            except Exception as error:  # whatever a file holds, the page stays usable and says what is wrong
                why = why_unread(error).removeprefix(f"{one['name']}: ")
                told.value = _wrong(f"{one['name']} was not estimated. {why}")

    upload.observe(arrive, "value")
    mass.observe(ask, "value")
    start.on_click(answer)
    inputs = ipywidgets.HBox([mass, treadmill], layout={"flex_flow": "wrap"})
    return ipywidgets.VBox([_looks(), _box(upload), inputs, start, bar, told, shown])


def estimate(name, content, *, mass_kg=None, treadmill=None, model=None, advance=lambda stage: None):
    """Estimate an upload: {file name: bytes} of what an estimate saves, its page first, and what is absent, in words.

    `name` is what its owner calls it, `content` its bytes, `mass_kg` the mass of the runner in kg; `treadmill` and
    `model` are as for grfkit.read and grfkit.estimate. `advance` hears the number of each of STAGES as it begins.
    Raises ValueError for what is no recording of running.
    """
    ours = f"recording{check(name, len(content))}"
    with tempfile.TemporaryDirectory(prefix="grfkit-") as folder:
        path = Path(folder, ours)
        path.write_bytes(content)
        try:
            return _estimate(path, name, mass_kg, treadmill, model, advance)
        except ValueError as error:
            raise ValueError(str(error).replace(str(path), name).replace(ours, name)) from None


def check(name, size):
    """Check the name and size (bytes) of an upload; returns its suffix, one of SUFFIXES."""
    suffix = Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        is_what = foreign.KINDS.get(suffix)
        raise InputError(
            "A recording is a file of one of these kinds: " + ", ".join(SUFFIXES) + ".",
            f"This is {is_what}." if is_what else "Export it as one of them.",
        )
    if size > MOST_BYTES:
        raise InputError(
            f"A recording has at most {MOST_BYTES / 1e6:g} MB here; this one has {size / 1e6:.0f} MB.",
            "Cut it into shorter recordings, or use the command grfkit estimate.",
        )
    return suffix


def read_mass(text):
    """Read a body mass in kg as it was typed, None where it was left empty; decimal commas are read too."""
    try:
        return float(text.strip().replace(",", ".")) if text.strip() else None
    except ValueError:
        raise InputError(
            f"The body mass is a number in kg; found {text!r}.",
            "Correct it (a pound is 0.454 kg), or leave the field empty.",
        ) from None


def show(name, saved):
    """Write what an estimate saved, {file name: bytes}, as HTML: links to save it, and its page in a frame of its own.

    The frame is closed off: nothing in it runs, and nothing in it reaches this page.
    """
    stem, page = Path(name).stem, saved[estimate_page.PAGE].decode("utf-8")
    links = [_link(f"{stem}_estimate.zip", _packed(saved), "Save all files as a zip")]
    for each, content in saved.items():
        if each == estimate_page.PAGE:
            links.append(_link(f"{stem}.html", content, "the page"))
        elif len(content) <= EACH_BYTES:
            links.append(_link(each, content, each))
        else:
            links.append(f"<span>{each} (in the zip)</span> ")
    names = "|".join(map(re.escape, saved))
    page = re.sub(rf'<a href="(?:{names})">(.*?)</a>', r"\1", page)  # the links above lead to those files
    page = re.sub(r"(?s)<nav.*?</nav>", "", page)
    page = page.replace("<head>", f"<head>\n{BASE}", 1)
    return (
        f'<p class="grf-files">{"".join(links)}</p><iframe class="grf-page" sandbox="" '
        f'title="Estimate of {escape(name)}" srcdoc="{escape(page)}"></iframe>'
    )


def _controls():
    """Make what is pressed and typed: the upload, body mass, treadmill and the button that starts."""
    look = {"style": {"description_width": "9em"}, "layout": {"width": "24em", "max_width": "100%"}}
    wide = {"width": "210px"}
    upload = ipywidgets.FileUpload(accept=",".join(SUFFIXES), multiple=False, description="Choose a file", layout=wide)
    mass = ipywidgets.Text(description="Body mass (kg)", placeholder="if empty: forces in body weights", **look)
    treadmill = ipywidgets.Dropdown(options=TREADMILL, index=0, description="On a treadmill", **look)
    start = ipywidgets.Button(description="Estimate", button_style="primary", disabled=True, layout=wide)
    named = {"grf-upload": upload, "grf-mass": mass, "grf-treadmill": treadmill, "grf-start": start}
    return [_named(name, widget) for name, widget in named.items()]


def _box(upload):
    """Put the button that chooses a file into the box that a file is dropped on."""
    words = f"<b>Drop a recording here</b> ({', '.join(SUFFIXES)}; at most {MOST_BYTES / 1e6:g} MB), or"
    return _named("grf-drop", ipywidgets.VBox([ipywidgets.HTML(words), upload]))


def _looks():
    """Give the style, and the script of what is dropped, which the widget HTML would not run."""
    script = SCRIPT.read_text(encoding="utf-8").replace("MOST_BYTES", str(MOST_BYTES))
    html = f"{STYLE}<script>{script}</script>"
    return ipywidgets.Output(
        outputs=({"output_type": "display_data", "data": {"text/html": html, "text/plain": ""}, "metadata": {}},)
    )


@contextmanager
def _busy(bar, *controls):
    """Show the bar and let nothing be pressed while it is shown."""
    bar.value, bar.layout.display = 0, None
    for control in controls:
        control.disabled = True
    try:
        yield
    finally:
        bar.layout.display = "none"
        for control in controls:
            control.disabled = False


def _estimate(path, name, mass_kg, treadmill, model, advance):
    """Read, estimate and save a recording that its owner calls `name`: {file name: bytes}, what is absent."""
    out = path.parent / "estimate"
    advance(0)
    run = grfkit.read(path, treadmill=treadmill)
    advance(1)
    result = grfkit.estimate(run, mass_kg=mass_kg, model=model)
    advance(2)
    _called(result, name).save(out)
    advance(3)
    absent = _export(result, out)
    names = sorted((each.name for each in out.iterdir()), key=lambda each: (each != estimate_page.PAGE, each))
    return {each: (out / each).read_bytes() for each in names}, absent


def _export(result, out):
    """Write the files of an estimate for other programs; say why where there are none, which takes no page away."""
    absent = {}
    for name, write in {"forces.mot": result.to_mot, "forces.c3d": result.to_c3d}.items():
        try:
            write(out / name)
        except InputError as error:
            absent.setdefault(error.fact, []).append(name)
    return " ".join(f"There is no {' and no '.join(names)}: {why}" for why, names in absent.items())


def _called(result, name):
    """Give an Estimate whose page and tables call the recording as its owner does."""
    tables = {table: getattr(result, table).assign(file=name) for table in ("steps", "curves", "table")}
    return replace(result, **tables)


def _packed(saved):
    """Pack files {name: bytes} as the bytes of a zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in saved.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _link(name, content, text):
    address = f"data:application/octet-stream;base64,{b64encode(content).decode()}"
    return f'<span><a download="{escape(name)}" href="{address}">{escape(text)}</a> ({_size(len(content))})</span> '


def _arrived(name, content, *, mass=""):
    """Tell whether an upload cannot be estimated, and say what has arrived and what comes next; `mass` as typed."""
    try:
        check(name, len(content))
    except ValueError as error:
        return True, _wrong(f"{name} cannot be estimated. {error}")
    todo = "Press Estimate." if mass.strip() else "Type the body mass if you know it, then press Estimate."
    return False, _line(f"{name} ({_size(len(content))}) is here. {todo}")


def _estimated(name, mass_kg):
    """Say that a recording is estimated, and its mass in pounds too, so that pounds that were typed are seen."""
    mass = f" for {mass_kg:g} kg ({mass_kg / POUND_KG:.0f} lb)" if mass_kg else ""
    return f"{name} is estimated{mass}. Its page is below; the links save it."


def _name(one):
    """Give the name of an upload as it can be shown: letters that are none, or turn the text around, are blanks."""
    return "".join(letter if letter.isprintable() else " " for letter in one["name"])


def _size(count):
    return f"{count / 1e6:.1f} MB" if count > 1e5 else f"{count / 1e3:.1f} kB"


def _line(text):
    return f'<p role="status">{escape(text)}</p>'


def _wrong(text):
    return f'<p role="alert" class="grf-wrong">{escape(text)}</p>'


def _named(name, widget):
    """Give a widget a class and return it."""
    widget.add_class(name)
    return widget
