"""Write an estimate for OpenSim: a MOT file of forces, and the ExternalLoads (XML) that apply them to the feet.

In: as forces.lay_out takes it. Out: NAME.mot and NAME_ExternalLoads.xml. For each foot the file has force (N), centre
of pressure (m) and free moment (N m, not estimated: 0) in OpenSim's ground, which has Y up. Source: OpenSim's
documentation of Storage files and of ExternalLoads.
"""

import io
from xml.etree import ElementTree

import numpy as np

from grfkit.recordings.plates import ESTIMATED
from grfkit.reports.exports import forces
from grfkit.study import store

GROUPS = {"force": "ground_force_{}_v", "point": "ground_force_{}_p", "torque": "ground_torque_{}_"}
Z_UP_TO_Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # (x, y, z) -> (x, z, -y)
UPWARD = 0.999  # cosine: an axis of the file that is as vertical is up; our choice
VERSION = "40000"  # of OpenSim's documents since 4.0


def write(path, recording, steps, curves, mass_kg):
    """Write forces of one recording for OpenSim at `path` (.mot), and ExternalLoads next to it; returns both paths.

    `recording` is a discover.Found, `steps` and `curves` are its rows of the tables of field.estimate, `mass_kg` is in
    kg. Times are those of the recording's own clock. Files of these names are replaced. Raises InputError as
    forces.lay_out and forces.check_target do.
    """
    path = forces.check_target(path, ".mot", recording)
    feet = forces.lay_out(recording, steps, curves, mass_kg)
    turn, axes = ground_axes(recording.rotation, recording.file.name)
    start_s = round(recording.start_s, 6) + 0.0  # of TRC files, to what their writers round
    columns = ["time"] + [name.format(side) + axis for side in "rl" for name in GROUPS.values() for axis in "xyz"]
    values = [start_s + feet.times_s]
    for side in "rl":
        values += [feet.force[side] @ turn.T, feet.cop[side] @ turn.T, np.zeros_like(feet.force[side])]
    store.write_text(
        path,
        _text(path.stem, columns, np.column_stack(values), [*_about(recording.file.name, start_s, axes), *feet.notes]),
    )
    loads = path.with_name(f"{path.stem}_ExternalLoads.xml")
    return [path, store.write_text(loads, external_loads(path.name))]


def ground_axes(rotation, name):
    """Give the rotation (3, 3) from the axes of a file to OpenSim's ground, and a sentence that states it.

    `rotation` (3, 3) is from the axes of the file to AP, ML, V, None for points in AP, ML, V. A file with Y up keeps
    its axes; one with Z up is turned about X, as is usual for OpenSim. For any other, X is forward, and Z to the right.
    """
    if rotation is None:
        return Z_UP_TO_Y_UP, "Axes: X forward, Y up, Z to the right, of points in AP, ML, V."
    up = rotation[2]
    if up[1] > UPWARD:
        return np.eye(3), f"Axes: those of {name}, Y up."
    if up[2] > UPWARD:
        return (
            Z_UP_TO_Y_UP,
            f"Axes: those of {name}, Z up, turned by -90 degrees about X: x, z, -y. Turn the markers in the same way.",
        )
    return (
        Z_UP_TO_Y_UP @ rotation,
        f"Axes: X forward, Y up, Z to the right; {name} has other axes. Turn the markers in the same way.",
    )


def external_loads(mot_name):
    """Give OpenSim's document of ExternalLoads that applies the forces of a MOT file to both feet, as text."""
    document = ElementTree.Element("OpenSimDocument", Version=VERSION)
    loads = ElementTree.SubElement(document, "ExternalLoads", name="ground_reaction")
    objects = ElementTree.SubElement(loads, "objects")
    for side in "rl":
        force = ElementTree.SubElement(objects, "ExternalForce", name=forces.SIDES[side])
        says = {"applied_to_body": f"calcn_{side}", "force_expressed_in_body": "ground"}
        says |= {"point_expressed_in_body": "ground"}
        says |= {f"{kind}_identifier": name.format(side) for kind, name in GROUPS.items()}
        for key, value in says.items():
            ElementTree.SubElement(force, key).text = value
    ElementTree.SubElement(loads, "groups")
    ElementTree.SubElement(loads, "datafile").text = mot_name  # beside this file
    ElementTree.indent(document, "\t")
    return '<?xml version="1.0" encoding="UTF-8" ?>\n' + ElementTree.tostring(document, encoding="unicode") + "\n"


def _about(name, start_s, axes):
    """Say what the file holds, in sentences."""
    return [
        f"Ground reaction forces on the runner, {ESTIMATED} from points; not measured.",
        "Forces in N, centres of pressure in m, torques in N m. The free moment is not estimated and is written as 0.",
        "In flight the force is 0, and the centre of pressure moves from its last place to its next.",
        axes,
        f"Times are those of {name}; its first frame is at {start_s:.4f} s.",
    ]


def _text(name, columns, values, notes):
    """Lay out OpenSim's storage: header, names of the columns, rows (T, C) with time to .1 us, N to 1 mN, m to 1 um."""
    kinds = {"v": "%.3f", "p": "%.6f", "t": "%.6f"}
    formats = ["%.7f"] + [kinds["v" if "_v" in column else "p" if "_p" in column else "t"] for column in columns[1:]]
    head = [_plain(name), "version=1", f"nRows={len(values)}", f"nColumns={len(columns)}", "inDegrees=yes"]
    body = io.StringIO()
    np.savetxt(body, values + 0.0, fmt=formats, delimiter="\t")  # no -0
    return "\n".join([*head, *map(_plain, notes), "endheader", "\t".join(columns), ""]) + body.getvalue()


def _plain(text):
    """Give a text as one line of a header: an equals sign would make it a value; some old names are no text."""
    return " ".join(text.replace("=", " ").encode("utf-8", "backslashreplace").decode("utf-8").split())
