"""An animation of one stance for a report and for JupyterLab.

In: arrays of a stance. Out: HTML with all frames inside, a player of a few lines, and no network. Matplotlib's own
player loads its icons from the network, has no alternative text and is empty on paper. Ours has one button, one slider
and, without script, the middle of the stance.
"""

import hashlib
import json
from html import escape
from io import BytesIO

import numpy as np
from IPython.display import HTML
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from PIL import Image

from grfkit.plot import ALARM, BONES, ESTIMATED, MEASURED, REAR_VIEW, SIDE_VIEW, legend, skeleton, zero_line
from grfkit.points import DIRECTIONS
from grfkit.reports.plots import images

SIZE = 7.4, 5.8  # inches: on a phone, the labels are still some 7 pixels high
METRES_PER_BW = 0.3
SMALLEST_BW = 0.2  # under less, a treadmill's centre of pressure strays half a metre from the foot: our choice
MARGIN_M = np.array([0.1, 0.2, 0.1])
COLOURS = 32  # in a frame: a third of the bytes of all
FRAME_MS = 100  # each frame is shown for so long: some ten times slower than life
ALT = (
    "Animation of one stance of {ms:.0f} ms: the legs as a stick figure from the runner's right and from behind, with "
    "the force arrow {where}, above the three forces over time with the moment marked."
)
AT_COP = "at the centre of pressure"
TWO_ARROWS = "under the foot, measured black, estimated blue and dashed"
STYLES = {"measured": (MEASURED, "-", "-|>"), "estimated": (ESTIMATED, "--", "->")}  # colour, line, head of the arrow
# JupyterLab takes the arrow keys for its cells, unless what has the focus says data-lm-suppress-shortcuts
PLAYER = """<figure id="{name}" class="grf-player" style="margin: 1rem 0">
<img src="{still}" alt="{alt}" width="{width}" height="{height}" style="max-width: 100%; height: auto">
<div style="display: flex; gap: .8em; align-items: center; max-width: {width}px">
<button type="button" style="font: inherit; padding: .2em .8em; min-width: 6.5em">Play</button>
<input type="range" min="0" max="{last}" value="{middle}" style="flex: 1; min-width: 4em"
 aria-label="moment of the stance" data-lm-suppress-shortcuts>
<output aria-live="off" style="min-width: 4.5em; text-align: right">{label}</output>
</div>
<figcaption>{slower:.0f} times slower than real time</figcaption>
<script>{{
const figure = document.getElementById("{name}"), labels = {labels}
const frames = {frames}.map(source => Object.assign(new Image(), {{src: source}}))
const [image, button, slider, output] = ["img", "button", "input", "output"].map(tag => figure.querySelector(tag))
let timer = null
const show = i => {{ slider.value = i; image.src = frames[i].src; output.value = labels[i] }}
const pause = () => {{ timer = clearInterval(timer); button.textContent = "Play" }}
// JupyterLab may have put another in its place
const next = () => figure.isConnected ? show((+slider.value + 1) % frames.length) : pause()
const play = () => {{ timer = setInterval(next, {frame_ms}); button.textContent = "Pause" }}
button.onclick = () => timer ? pause() : play()
slider.oninput = () => {{ pause(); show(slider.value) }}
if (!matchMedia("(prefers-reduced-motion: reduce)").matches) play()
}}</script>
</figure>"""


def stance(time_s, points, force, cop, *, estimated=None, count=32):
    """Animate one stance: stick figure and force arrow from two sides, above the force over time.

    `time_s` (T,) s from touchdown, `points` (T, 11, 3) m, `force` (T, 3) BW, centre of pressure `cop` (T, 3) m. The
    arrows of the moments before stay as a grey fan. An `estimated` force (T, 3) BW is a second arrow from the same
    place and a second curve, blue and dashed; it is NaN where a direction is not estimated. Returns HTML with `count`
    equally spaced moments, a button and a slider.
    """
    moments = np.linspace(0, len(time_s) - 1, count).round().astype(int)
    forces = {"measured": force} | ({} if estimated is None else {"estimated": estimated})
    arrows = {name: arrows_of(cop, values) for name, values in forces.items()}
    fig, movers = _figure(1000 * time_s, points, forces, arrows)
    frames, (width, height) = list(_frames(fig, movers, moments)), fig.canvas.get_width_height()
    labels, middle, lasts_ms = [f"{1000 * time_s[i]:.0f} ms" for i in moments], count // 2, 1000 * np.ptp(time_s)
    digest = hashlib.sha256("".join(frames).encode()).hexdigest()  # a name of its own on the page
    return HTML(
        PLAYER.format(
            name=f"stance-{digest[:8]}",
            still=frames[middle],
            middle=middle,
            last=count - 1,
            label=labels[middle],
            labels=json.dumps(labels),
            frames=json.dumps(frames),
            frame_ms=FRAME_MS,
            slower=FRAME_MS * count / lasts_ms,
            alt=escape(ALT.format(ms=lasts_ms, where=AT_COP if estimated is None else TWO_ARROWS)),
            width=width,
            height=height,
        )
    )


def arrows_of(cop, force):
    """Give the arrows (T, 2, 3) m of a force (T, 3) BW: from the centre of pressure to the tip."""
    return np.stack([cop, cop + METRES_PER_BW * force], axis=1)


def _figure(milliseconds, points, forces, arrows):
    """Draw all that stands still; return the figure and, for each axes, a function that moves the rest.

    `forces` {name: (T, 3) BW} and `arrows` {name: (T, 2, 3) m} are measured and, where there is one, estimated. A
    function takes the moments up to the one that is shown and returns the artists that it moved.
    """
    tips = [each[_loaded(each)].reshape(-1, 3) for each in arrows.values()]
    seen = np.concatenate([points.reshape(-1, 3), *tips])
    low, high = seen.min(axis=0) - MARGIN_M, seen.max(axis=0) + MARGIN_M
    fig = Figure(figsize=SIZE, dpi=100, layout="constrained")
    FigureCanvasAgg(fig)
    above, below = fig.add_gridspec(2, 1, height_ratios=[2, 1])
    views = above.subgridspec(1, 2, width_ratios=(high - low)[:2])
    side, rear = fig.add_subplot(views[0]), fig.add_subplot(views[1])
    grid = below.subgridspec(1, 3)
    movers = [
        _view(side, points, arrows, SIDE_VIEW, "from the runner's right"),
        _view(rear, points, arrows, REAR_VIEW, "from behind"),
    ]
    for i in range(3):
        curves = {name: force[:, i] for name, force in forces.items()}
        movers.append(_curve(fig.add_subplot(grid[i]), milliseconds, curves, DIRECTIONS[i], last=i == 2))
    side.set(xlim=(low[0], high[0]), ylim=(low[2], high[2]), ylabel="V (m)")
    rear.set(xlim=(high[1], low[1]), ylim=(low[2], high[2]), yticklabels=[])  # the runner's left is on the left
    rear.locator_params(axis="x", nbins=3)
    legend(side, loc="upper left")
    return fig, movers


def _loaded(arrows):
    """Find the moments (T,) bool at which the arrow (T, 2, 3) m is long enough to be drawn."""
    return np.linalg.norm(arrows[:, 1] - arrows[:, 0], axis=1) > SMALLEST_BW * METRES_PER_BW  # False where it is NaN


def _frames(fig, movers, moments):
    """Draw what moves over what stands still, moment by moment; yield each frame as the source of an <img>."""
    for mover in movers:
        for artist in mover(moments[:1]):
            artist.set_animated(True)
    fig.canvas.draw()
    still = fig.canvas.copy_from_bbox(fig.bbox)
    for i in range(len(moments)):
        fig.canvas.restore_region(still)
        for mover in movers:
            for artist in mover(moments[: i + 1]):
                artist.axes.draw_artist(artist)
        buffer, image = BytesIO(), Image.fromarray(np.asarray(fig.canvas.buffer_rgba())).convert("RGB")
        image.quantize(COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(buffer, "png")
        yield images.address(buffer.getvalue(), "png")


def _view(ax, points, arrows, view, title):
    """Draw the ground and the scale of one view; return what moves its legs, its arrows and the fan of earlier ones."""
    measured, places = arrows["measured"], points[:, :, view]
    shown = _loaded(measured)
    legs = skeleton(ax, points[0], view, linewidth=2.5, label=True).lines[-2:]
    fan = ax.add_collection(LineCollection([], color="0.7", linewidth=0.8, zorder=1))
    heads = [_arrow(ax, arrows[name], view, name) for name in arrows]
    ax.plot([], [], color=MEASURED, linewidth=2, label=f"force: {METRES_PER_BW:g} m is 1 BW")
    if "estimated" in arrows:
        ax.plot([], [], "--", color=ESTIMATED, linewidth=2, label="force, estimated")
    ax.axhline(0, color="grey", linewidth=1)
    ax.set(title=title, xlabel=f"{DIRECTIONS[view[0]]} (m)", aspect="equal")
    ax.spines[["top", "right"]].set_visible(False)

    def move(moments):
        for line, bones in zip(legs, BONES, strict=True):
            line.set_data(places[moments[-1], bones].T)
        fan.set_segments(measured[[i for i in moments if shown[i]]][:, :, view])
        return [fan, *legs, *(head(moments[-1]) for head in heads)]

    return move


def _arrow(ax, arrows, view, name):
    """Draw one arrow (T, 2, 3) m, hidden where it is too short; return what moves it to a moment."""
    shown, size = _loaded(arrows), np.linalg.norm(np.diff(arrows, axis=1), axis=2)[:, 0] / METRES_PER_BW
    color, style, head = STYLES[name]
    look = {"arrowstyle": head, "color": color, "linestyle": style, "linewidth": 2, "zorder": 3}
    arrow = ax.add_patch(FancyArrowPatch((0, 0), (0, 0), shrinkA=0, shrinkB=0, **look))

    def move(moment):
        arrow.set_visible(shown[moment])
        if shown[moment]:
            arrow.set_positions(*arrows[moment][:, view])
            arrow.set_mutation_scale(20 * min(1, size[moment]))
        return arrow

    return move


def _curve(ax, milliseconds, forces, direction, *, last):
    """Draw one component {name: (T,) BW} over time; return what moves the mark of the moment."""
    for name, force in forces.items():
        ax.plot(milliseconds, force, STYLES[name][1], color=STYLES[name][0], linewidth=1.2, label=name)
    zero_line(ax)
    rule, dot = ax.axvline(0, color=ALARM, linewidth=1), ax.plot([], [], "o", color=ALARM)[0]
    ax.set(ylabel=f"{direction} (BW)", xlim=(milliseconds[0], milliseconds[-1]))
    ax.set_xlabel("time (ms)")
    if last and len(forces) > 1:
        legend(ax, loc="lower center")

    def move(moments):
        rule.set_xdata([milliseconds[moments[-1]]] * 2)
        dot.set_data(milliseconds[moments[-1:]], forces["measured"][moments[-1:]])
        return rule, dot

    return move
