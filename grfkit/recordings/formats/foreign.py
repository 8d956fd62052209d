"""Name the files of other programs that cannot be read, and say what to do with them.

In: the path of a file. Out: what it is and what to do, in words. A format shows in the suffix or the first lines.
"""

import re

EXPORT = (
    "export C3D or TRC, or a CSV file with a row for each frame and the columns time_s, pelvis_x, pelvis_y, pelvis_z, "
    "l_hip_x, ..., of all 11 points"
)
WORKBOOK = "a workbook: save its sheet as `CSV UTF-8`"
ARCHIVE = "an archive{}: unpack it, and give its folder"
KINDS = {  # by suffix
    ".mot": "a file of OpenSim (forces or angles) without points: a study names forces in the column `forces`",
    ".sto": "a file of OpenSim (forces or results) without points: a study names forces in the column `forces`",
    ".xlsx": WORKBOOK,
    ".xls": WORKBOOK,
    ".xlsm": WORKBOOK,
    ".ods": WORKBOOK,
    ".numbers": WORKBOOK,
    ".qtm": f"a measurement of Qualisys, which only QTM reads: {EXPORT}",
    ".tak": f"a take of OptiTrack, which only Motive reads: {EXPORT}",
    ".x2d": f"a capture of Vicon, which only Nexus reads: {EXPORT}",
    ".bvh": f"a BVH file (angles of a skeleton), which cannot be read: {EXPORT}",
    ".fbx": f"an FBX file (a skeleton), which cannot be read: {EXPORT}",
    **dict.fromkeys((".zip", ".7z", ".rar", ".gz", ".tgz", ".tar", ".bz2", ".xz"), ARCHIVE.format("")),
    ".json": f"a JSON file (of OpenPose or a similar program), which cannot be read: {EXPORT}",
    ".mat": f"a file of MATLAB, which cannot be read: {EXPORT}",
}
MARKERS = (".c3d", ".trc")
TEXT = (".csv", ".tsv", ".txt")  # their kind shows in the first lines
HEADS = {  # how an export of each program begins, without quotes
    r"PathFileType[,;\t]": "TRC (OpenSim, OpenCap, Pose2Sim)",
    r"scorer[,;\t]": "DeepLabCut",
    r"(?s)[^\n]*\n[^\n]*\n[,;\t]*(LINK_MODEL_BASED|TARGET|FRAME_NUMBERS|ANALOG|DERIVED)\b": "Visual3D",
    r"General information:|Segment Orientation": "Xsens MVN",
    r"#|\s*name\s+\S+\s*\r?\n\s*datacolumns": "another program, with lines above its columns",
}
HEAD_BYTES = 4096  # enough to recognise a format: our choice
ARCHIVES = (b"PK\x03\x04", b"7z\xbc\xaf", b"Rar!", b"\x1f\x8b")  # first bytes, whatever the name says


def describe(path):
    """Say what a file of another program is, and what to do with it; "" for an unknown file.

    Raises OSError for a file that cannot be opened.
    """
    suffix = path.suffix.lower()
    if suffix not in (*TEXT, *MARKERS) or not path.is_file():
        return KINDS.get(suffix, "")
    with path.open("rb") as file:
        content = file.read(HEAD_BYTES)
    if content.startswith(ARCHIVES):
        return ARCHIVE.format(", whatever its name says")
    if suffix in MARKERS:
        return ""
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    head = content.decode("utf-16" if wide else "utf-8-sig", errors="replace").replace('"', "")
    program = next((program for pattern, program in HEADS.items() if re.match(pattern, head)), "")
    return f"an export of {program}, which cannot be read as it is: {EXPORT}" if program else ""
