"""Compare two readings of one C3D file: that of `ezc3d`, and that of its bytes in `c3d_layout`.

In: a Layout, and the arrays that `ezc3d` read. Out: nothing, or an error that says how they differ.

`ezc3d` trusts what a file says about itself. In a damaged file it may read frames out of step, so that a marker gets
its neighbour's place. Equal counts are no proof, so all used coordinates are compared, and all channels of the wanted
plates. Contradictions in what nobody uses are skipped with a note.
"""

import math

import numpy as np

from grfkit.recordings.formats import c3d_layout

RATES_HZ = (1, 1e5)  # frames a second, slowest and fastest; like the next two beyond any laboratory: our choice
FOOT_M = 1.0  # longer than any foot: our choice
CLOSE = 1e-3  # relative, between two values for one number: our choice, above the rounding of single precision
RIGHT_ANGLE = 1e-2  # by which products of a pose's axes may differ: our choice, above the same rounding
SAME = 1e-5  # relative, between two readings of one integer and its scale in single precision: our choice
WHOLE = "Export it at rates that are whole numbers."


def check_layout(layout):
    """Check what ezc3d does not check: the rate, and the place of poses without points."""
    rate, shown = layout.rate_hz, layout.header.rate
    says = math.isfinite(shown) and shown > 0
    layout.require(
        RATES_HZ[0] <= rate <= RATES_HZ[1], "has {} to {:,.0f} frames a second".format(*RATES_HZ), f"has {rate:g}"
    )
    layout.require(
        not says or math.isclose(rate, shown, rel_tol=CLOSE),
        "gives the same frames a second everywhere",
        f"gives {shown:g} and {rate:g}",
    )
    if layout.poses[0] and not layout.shape.points:  # in a file with points, poses may be wrong
        _check_pose_layout(layout)


def _check_pose_layout(layout):
    used, ratio, begin = layout.poses
    found = len(layout.all_values("ROTATION", "LABELS"))
    layout.require(found == used, "gives each segment a name", f"gives {found} for {used} segments")
    rate = layout.first("ROTATION", "RATE")
    layout.require(
        ratio > 0 and math.isclose(rate, ratio * layout.rate_hz, rel_tol=CLOSE),
        "gives the same poses a second everywhere",
        f"gives {rate:g} and {ratio * layout.rate_hz:g}",
    )
    size = begin + layout.shape.frames * ratio * used * c3d_layout.POSE_VALUES * 4
    layout.require(
        begin >= layout.end and size <= len(layout.data),
        "has its poses after its points",
        f"has poses from byte {begin} to {size}, points up to byte {layout.end} and {len(layout.data)} bytes in all",
    )


def check_points(layout, points, residuals):
    """Check the points (3, P, F) and residuals (P, F) that ezc3d read against the bytes."""
    places, missing = layout.points()
    layout.require(
        points.shape == places.shape,
        "holds the same points and frames for two readers",
        f"holds {places.shape[1]} points in {places.shape[2]} frames for one reader, and {points.shape[1]} points in "
        f"{points.shape[2]} frames for the other",
    )
    if np.array_equal(points, places) and np.array_equal(residuals < 0, missing):
        return
    gone = [
        marked | np.isnan(values).any(axis=0) | (values == 0).all(axis=0)
        for values, marked in ((places, missing), (points, residuals < 0))
    ]
    same = (np.isclose(points, places, rtol=0 if layout.header.scale < 0 else SAME, atol=0)).all(axis=0)
    differ = np.count_nonzero((gone[0] != gone[1]) | ~(same | gone[0]))
    layout.require(
        not differ,
        "gives the same coordinates to two readers",
        f"gives different ones in {differ} of {same.size} places, because its rates or counts contradict each other",
        f"{WHOLE[:-1]}, {c3d_layout.LEAVE_OUT}.",
    )


def check_poses(layout, read):
    """Check the poses that ezc3d reads with `read` -> (4, 4, S, F), or None if there are none.

    They must equal those of the bytes, with axes at right angles. If the bytes hold fewer, `read` would crash.
    """
    if not layout.poses[0]:
        return None
    _check_pose_layout(layout)
    rotations = read()
    layout.require(
        np.array_equal(rotations, layout.rotations(), equal_nan=True),
        "gives the same poses to two readers",
        "gives different ones",
    )
    known = np.isfinite(rotations[:3]).all(axis=(0, 1)) & rotations[:3, :3].any(axis=(0, 1))
    products = np.einsum("iksf,jksf->sfij", rotations[:3, :3], rotations[:3, :3])[known]
    off = np.abs(products - np.eye(3)).max(initial=0)
    layout.require(
        off < RIGHT_ANGLE,
        "has segments whose axes are unit vectors at right angles",
        f"has one that is off by {off:.3g}",
    )
    offsets = [
        np.abs(parameter.values()).max(initial=0)
        for parameter in layout.groups.get("THEIA3D", {}).values()
        if parameter.type == 4 and parameter.count == 3
    ]
    layout.require(
        all(offset <= FOOT_M for offset in offsets),
        f"has the heels within {FOOT_M} m of the feet's origins",
        f"has THEIA3D offsets of up to {max(offsets, default=0):.3g} m",
    )
    return rotations
