"""The animation of a stance plays without network, and draws legs and arrows where they are."""

import base64
import io
import re

import numpy as np
from PIL import Image

from grfkit.points import POINTS
from grfkit.reports.html import needs_network
from grfkit.reports.plots import animate


def pictures(html):
    """Decode the pictures of an animation: the still one and the list of frames."""
    still, *frames = re.findall(r'data:image/png;base64,([\w+/=]+)"', html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("L")) for data in (still, *frames)]


def test_stance_animation_holds_its_frames_and_needs_no_network(made_up):
    html = animate.stance(*made_up, count=7).data
    still, *frames = pictures(html)
    assert len(frames) == 7 and len({frame.tobytes() for frame in frames}) == 7
    np.testing.assert_array_equal(still, frames[3])
    assert needs_network(html) == [] and "http" not in html
    assert 'type="range" min="0" max="6" value="3"' in html and html.count("<button") == 1
    assert f'width="{still.shape[1]}" height="{still.shape[0]}"' in html
    assert 'alt="Animation of one stance of 236 ms: ' in html
    for label in ("-20 ms", "216 ms"):
        assert f'"{label}"' in html


def test_stance_animation_is_the_same_bytes_again(made_up):
    assert animate.stance(*made_up, count=3).data == animate.stance(*made_up, count=3).data


def test_stance_animation_draws_legs_and_arrows_where_they_are(made_up):
    time_s, points, force, cop = made_up
    arrows = np.stack([cop, cop + animate.METRES_PER_BW * force], axis=1)
    fig, movers = animate._figure(1000 * time_s, points, {"measured": force}, {"measured": arrows})
    for mover, view, ax in zip(movers, ([0, 2], [1, 2]), fig.axes, strict=False):
        fan, left, right, arrow = mover(np.array([0, 20, 30]))  # in flight, then twice on the ground
        np.testing.assert_allclose(fan.get_segments(), arrows[[20, 30]][:, :, view])
        np.testing.assert_allclose(left.get_xydata()[2], points[30, POINTS.index("l_knee"), view])
        np.testing.assert_allclose(right.get_xydata()[-2], points[30, POINTS.index("r_toe"), view])
        assert arrow.get_visible()
        assert ax.dataLim.width > 0 and (ax.viewLim.min <= points.reshape(-1, 3)[:, view].min(axis=0)).all()
        assert not mover(np.array([0]))[3].get_visible()
    rule, dot = movers[-1](np.array([0, 20, 30]))
    np.testing.assert_allclose(dot.get_xydata(), [[1000 * time_s[30], force[30, 2]]])
    assert fig.axes[1].xaxis_inverted()  # from behind, the runner's left is on the left


def test_stance_animation_draws_an_estimated_force_from_the_same_place(made_up):
    time_s, points, force, cop = made_up
    estimated = 0.8 * force + [0.05, 0.0, 0.0]
    forces = {"measured": force, "estimated": estimated}
    fig, movers = animate._figure(
        1000 * time_s, points, forces, {name: animate.arrows_of(cop, values) for name, values in forces.items()}
    )
    for mover, view in zip(movers[:2], ([0, 2], [1, 2]), strict=True):
        *_, measured, ours = mover(np.array([0, 20, 30]))
        for arrow, values in ((measured, force), (ours, estimated)):
            np.testing.assert_allclose(arrow._posA_posB, [cop[30, view], cop[30, view] + 0.3 * values[30, view]])
        assert measured.get_linestyle() != ours.get_linestyle()  # told apart in grey print
    np.testing.assert_allclose(fig.axes[4].lines[1].get_ydata(), estimated[:, 2])
    html = animate.stance(*made_up, estimated=estimated, count=3).data
    assert "estimated blue and dashed" in html and needs_network(html) == []
    assert (
        len(animate.stance(*made_up, estimated=np.full_like(force, np.nan), count=3).data) > 0
    )  # a direction that is not estimated
