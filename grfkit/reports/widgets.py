"""The widgets of the notebook explore.

In: stances, frames and estimates of grfkit.evaluation.explore, or a simulation. Out: Shown, which answers in
JupyterLab; a page without a kernel shows the state that it starts in. Each widget has a label and works by keyboard; a
class of its own (`grf-...`) names it for a test in a browser.
"""

from contextlib import contextmanager
from functools import lru_cache
from html import escape

import ipywidgets
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from grfkit.evaluation import explore
from grfkit.reports.plots import animate, images
from grfkit.reports.plots import explore as explore_plots
from grfkit.reports.words import FEATURES, number

SIDES = {"l": "left", "r": "right"}
MOMENTS = 32
# JupyterLab takes the arrow keys of lists and sliders for its cells, unless what has the focus says that it wants them
KEYS = """<script>document.addEventListener("focusin", event => {
if (event.target.closest(".grf-keys")) event.target.setAttribute("data-lm-suppress-shortcuts", "") })</script>"""
# of axes, found once and not at each turn
PLACES = [(across, *up) for up in ((0.56, 0.40, 0.39), (0.08, 0.40, 0.36)) for across in (0.08, 0.58)]
WRAP = {"flex_flow": "wrap"}


class Shown:
    """A widget, and what a page without a kernel shows in its place: HTML of the state it starts in."""

    def __init__(self, widget, page):
        self.widget, self.page = widget, page

    def _repr_mimebundle_(self, **_):
        return {**self.widget._repr_mimebundle_(), "text/html": self.page}


def choose(frames, stances, sources, *, vlr):
    """Let runner, stance and estimate be chosen, and show them: the stance played, features and errors; returns Shown.

    `sources` as explore.sources returns; only those are offered that estimate the stance and were not trained on its
    runner.
    """
    ours = stances[stances["split"] != "other_speed"].set_index("stance", drop=False)
    runner = _select("Runner", list(ours["runner"].unique()), "grf-runner")
    stance, source = _select("Stance", [], "grf-stance"), _select("Estimate", [], "grf-estimate")
    about, player, tables = _html("grf-about"), _named_as("grf-stance-player", ipywidgets.Output()), _html("grf-tables")

    @lru_cache(maxsize=16)
    def drawn(number, label):
        one = explore.show_stance(frames, ours.loc[number], sources[label])
        return play(one), stance_tables(one, vlr=vlr)

    def show(_=None):
        # both are made first: numbers never stand beside another stance's picture
        played, written = drawn(stance.value, source.value)
        player.outputs = _output(played)
        about.value, tables.value = _about(sources[source.value]), written

    def offer_sources(_=None):
        kept = source.value
        with _unheard(show, source):
            source.options = [label for label, one in sources.items() if stance.value in one.stances]
            source.value = kept if kept in source.options else source.options[0]
        show()

    def offer(_=None):
        with _unheard(offer_sources, stance):
            stance.options = [(_name(row), number) for number, row in ours[ours["runner"] == runner.value].iterrows()]
            stance.index = 0
        offer_sources()

    for widget, answer in ((runner, offer), (stance, offer_sources), (source, show)):
        widget.observe(answer, "value")
    offer()
    choices = ipywidgets.HBox([runner, stance, source], layout=WRAP)
    widget = _named_as("grf-keys", ipywidgets.VBox([choices, about, player, tables, _keys()]))
    chosen = f"<p>Runner {escape(runner.value)}, {escape(stance.label)}.</p>"
    return Shown(widget, chosen + about.value + "".join(drawn(stance.value, source.value)))


def play(shown):
    """Write one stance (of explore) as a player: the legs with both forces, and the curves."""
    where = shown.time_s, shown.points, shown.measured, shown.foot
    return animate.stance(*where, estimated=shown.estimated, count=MOMENTS).data


def stance_tables(shown, *, vlr):
    """Write the features of one stance (of explore), measured and estimated, and the errors of its curves as HTML."""
    return _side_by_side(
        _feature_table(explore.feature_errors(shown, vlr=vlr), "Features of this stance"),
        _table(explore.curve_errors(shown), "Estimated against measured curve"),
    )


def laboratory(simulate, knobs, sources, *, vlr):
    """Let the numbers of a simulated runner be turned, and show force and estimate; returns Shown.

    `simulate` takes a value for each of `knobs` {name: with label, low, high, step, value, about} and returns frames,
    stances, weight_n and facts; `sources` {label: explore.source_of_strangers}. The stance from before the slider in
    hand was first moved stays in grey.
    """
    sliders = {name: _slider(name, knob) for name, knob in knobs.items()}
    source = _select("Estimate", list(sources), "grf-laboratory-estimate")
    unit = _select("Force in", ["BW", "N"], "grf-unit")
    reset = _named_as("grf-reset", ipywidgets.Button(description="Back to the usual runner", layout={"width": "16em"}))
    picture, tables, axes = _html("grf-picture"), _html("grf-laboratory-tables"), laboratory_axes()
    usual = {name: knob.value for name, knob in knobs.items()}
    hand = {"slider": None, "before": None, "now": usual}

    @lru_cache(maxsize=64)
    def simulated(label, *settings):
        run = simulate(**dict(settings))
        return run, explore.show_simulated(run, sources[label])

    def show(_=None):
        states = hand["now"], hand["before"]
        now, before = (state and simulated(source.value, *state.items()) for state in states)
        picture.value = laboratory_picture(axes, now, before, unit=unit.value)
        tables.value = _about(sources[source.value]) + laboratory_tables(now, before, vlr=vlr)

    def turn(change):
        if change["owner"] is not hand["slider"]:
            hand.update(slider=change["owner"], before=hand["now"])
        hand["now"] = {name: slider.value for name, slider in sliders.items()}
        show()

    def back(_):
        with _unheard(turn, *sliders.values()):
            for name, slider in sliders.items():
                slider.value = usual[name]
        hand.update(slider=None, before=None, now=usual)
        show()

    reset.on_click(back)
    for widget, answer in [(source, show), (unit, show), *((slider, turn) for slider in sliders.values())]:
        widget.observe(answer, "value")
    show()
    explained = [ipywidgets.VBox([sliders[name], ipywidgets.HTML(_small(knobs[name].about))]) for name in knobs]
    widget = _two_columns([*explained, source, unit, reset], [picture, tables])
    return Shown(widget, _settings(knobs) + picture.value + tables.value)


def _two_columns(controls, shown):
    """Put controls beside what they change, below each other on a narrow screen."""
    left = ipywidgets.VBox(controls, layout={"width": "28em"})
    right = ipywidgets.VBox([*shown, _keys()], layout={"flex": "1 1 30em"})
    return _named_as("grf-keys", ipywidgets.HBox([left, right], layout=WRAP))


def laboratory_axes():
    """Make the axes (4,) that laboratory_picture draws on each time; new ones would cost half of the time of a turn."""
    fig = Figure(figsize=(8.6, 6.4), dpi=90)
    return [fig.add_axes(place) for place in PLACES]


def laboratory_picture(axes, now, before, *, unit):
    """Draw a simulated stance over the one before and return it as HTML; forces are in `unit`, BW or N.

    Both are pairs (run, stance as explore.show_simulated returns it); `before` may be None.
    """
    for ax in axes:
        for line in [*ax.lines]:
            line.remove()
        ax.relim()
        ax.autoscale()
    scales = [pair[0].weight_n if pair and unit == "N" else 1.0 for pair in (now, before)]
    explore_plots.laboratory(axes, now[1], before and before[1], scale=scales[0], before_scale=scales[1], unit=unit)
    alt = (
        f"The legs at touchdown, mid-stance and toe-off, and the force over time in {unit}: vertical, "
        "anterior-posterior, medial-lateral; true black, estimated blue and "
        f"dashed{', before grey' if before else ''}. "
        f"Vertical peak {scales[0] * now[1].measured[:, 2].max():.4g} {unit}."
    )
    return _image(axes[0].figure, alt)


def laboratory_tables(now, before, *, vlr):
    """Write features, errors and facts of a simulated stance and of the one before as HTML.

    Both are pairs (run, stance as explore.show_simulated returns it); `before` may be None.
    """
    read = explore.feature_errors(now[1], vlr=vlr).rename(columns={"measured": "true"})
    facts = pd.DataFrame({"now": now[0].facts})
    if before:
        read.insert(0, "before", explore.feature_errors(before[1], vlr=vlr)["measured"])
        facts.insert(0, "before", before[0].facts)
    return _side_by_side(
        _feature_table(read, "Features"),
        _table(explore.curve_errors(now[1]), "Estimated against true curve"),
        _table(facts, "The step", 1),
    )


@contextmanager
def _unheard(handler, *widgets):
    """Change widgets without an answer to each change."""
    for widget in widgets:
        widget.unobserve(handler, "value")
    yield
    for widget in widgets:
        widget.observe(handler, "value")


def _about(source):
    return f"<p>Estimate: {escape(source.about)}.</p>"


def _named_as(name, widget):
    """Give a widget a class and return it."""
    widget.add_class(name)
    return widget


def _select(label, options, name):
    look = {"style": {"description_width": "5em"}, "layout": {"width": "26em"}}
    return _named_as(name, ipywidgets.Dropdown(options=options, description=label, **look))


def _slider(name, knob):
    slider = ipywidgets.FloatSlider(
        knob.value,
        min=knob.low,
        max=knob.high,
        step=knob.step,
        description=knob.label,
        readout_format=".1f" if knob.step < 1 else ".0f",
        style={"description_width": "11em"},
        layout={"width": "26em"},
    )
    return _named_as(f"grf-{name.split('_')[0]}", slider)


def _html(name):
    return _named_as(name, ipywidgets.HTML())


def _output(html):
    """Give what an Output shows of HTML that brings a script along: the widget HTML would not run it."""
    return ({"output_type": "display_data", "data": {"text/html": html, "text/plain": ""}, "metadata": {}},)


def _keys():
    """Give the script that hands the arrow keys to lists and sliders."""
    return ipywidgets.Output(outputs=_output(KEYS))


def _name(row):
    """Name a stance so that no two of a runner have one name: a treadmill's recording holds many."""
    return (
        f"{SIDES[row['side']]} leg at {row['touchdown_s']:.2f} s, {row['speed_m_s']:.2f} m/s, shoe {row['shoe']}, "
        f"lap {row['lap']}, trial {row['trial']} ({row['split']})"
    )


def _feature_table(table, caption):
    """Write a table of features, whose names stand as in a text; a loading rate, some 50 BW/s, has a decimal less."""
    names = {key: name.replace(" / ", " (", 1) + ")" for key, name in FEATURES.items()}
    return _table(table.rename(index=names), caption, 2, fewer=names["vlr_bw_s"])


def _table(table, caption, decimals=3, *, fewer=None):
    """Write a table of numbers with a caption: one decimal where they are in %, one less in the row `fewer`."""
    cells = {
        name: [number(x, 1 if "%" in name else decimals - (row == fewer)) for row, x in column.items()]
        for name, column in table.items()
    }
    html = (
        pd.DataFrame(cells, index=table.index)
        .to_html(border=0)
        .replace("<thead>", f"<caption>{escape(caption)}</caption><thead>", 1)
    )
    html = html.replace("<table ", '<table cellpadding="4" ', 1)  # for JupyterLab: a report has its own style
    return html.replace("<td>", '<td align="right">').replace("<th></th>", "<td></td>")


def _side_by_side(*parts):
    parts = "".join(f'<div style="overflow-x: auto" tabindex="0">{part}</div>' for part in parts)
    return f'<div style="display: flex; flex-wrap: wrap; gap: 0 2em">{parts}</div>'


def _small(text):
    return f'<p style="font-size: .85em; line-height: 1.3; margin: 0 0 .6em; max-width: 30em">{escape(text)}</p>'


def _settings(knobs):
    rows = "".join(
        f"<tr><th>{escape(knob.label)}</th><td>{knob.low:g} to {knob.high:g}</td><td>{knob.value:g}</td>"
        f"<td style='text-align: left'>{escape(knob.about)}</td></tr>"
        for knob in knobs.values()
    )
    return (
        "<table><caption>The sliders; they move in JupyterLab (make lab)</caption><thead><tr><td></td><th>from, to</th>"
        "<th>here</th><th style='text-align: left'>what it changes</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>"
    )


def _image(fig, alt):
    FigureCanvasAgg(fig)
    width, height = (fig.get_size_inches() * fig.dpi).astype(int)
    return (
        f'<img src="{images.png(fig, pil_kwargs={"compress_level": 1})}" alt="{escape(alt)}" '
        f'width="{width}" height="{height}" style="max-width: 100%; height: auto">'
    )
