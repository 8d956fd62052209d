"""Find which file of forces belongs to which TRC file, by their names.

In: a folder, and its files of points. Out: {file of points: file of forces}, and the files of forces that are left.
"""

import re

from grfkit.recordings import files
from grfkit.recordings.formats import mot

# words that are removed from a name before it is compared: Run_2_grf.mot belongs to Run_2.trc; our choice
WORD = re.compile(r"(?i)[\W_]*(?<![a-z])(ground|reaction|grfs?|forces?|kinetics|markers?|trc|mot|filtered)(?![a-z])")


def find(folder, points):
    """Pair TRC files (`points`, paths within the folder) with files of forces -> {points: forces}, texts on the others.

    The two files of a pair lie in one folder, or there is only one file of forces of that name. OpenSim's files of
    angles do not count.
    """
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in files.FORCES_ALONE and path.is_file())
    forces = sorted(path.relative_to(folder) for path in paths if path.name[0] not in ".~" and mot.holds_forces(path))
    pairs = {}
    for file in (file for file in points if file.suffix.lower() == ".trc"):
        named = [other for other in forces if _name(other) == _name(file)]
        near = [other for other in named if other.parent == file.parent] or named
        if len(near) == 1:
            pairs[file] = near[0]
    alone = [other for other in forces if other not in pairs.values()]
    return pairs, [f"{other.as_posix()}: forces, but no TRC file has that name" for other in alone]


def _name(file):
    """Give the name of a file without words for forces or points."""
    return WORD.sub("", file.stem).strip(" _-.").casefold()
