"""Other studies beside the one that runs, of `make transfer OTHERS="hamner ja1"` and `make field STUDY="rbds hamner"`.

In: names of studies, and the folders that `grfkit remember` noted. Out: for each its study file, its recordings, its
results. One that is unknown, or whose recordings nobody knows, is named before anything is made, all of them at once.
"""

from pathlib import Path
from typing import NamedTuple

from grfkit.study import file as study_file
from grfkit.study.file import Study
from grfkit.study.schema import StudyError

_BETWEEN, _TOGETHER = "Studies between which a model travels", "Studies that train one model together"
REMEMBERED = "LAST_DATA := "  # how data.mk begins, which make reads


class Other(NamedTuple):
    """A study by the name of its reports: its file, the folder of its reports, its folder of recordings."""

    name: str
    study: Study
    reports: Path
    data: Path


def find(names, *, own, params=Path("params"), reports=Path("reports")):
    """Find other studies by `names`, of files in `params` or paths of YAML files, parted by blanks: a list of Other.

    `own` is the file of the study that trains with them, whose recordings must be known too. Raises StudyError, which
    says of each study what is missing.
    """
    own, given = Path(own), list(dict.fromkeys(names.split()))
    if not given:
        raise StudyError(
            "A model travels from one study to others; none was named. Name them, parted by blanks: "
            f'make transfer STUDY={own.stem} OTHERS="{_suggested(params, own)}".'
        )
    return _find_all((own.as_posix(), *given), _BETWEEN, params=params, reports=reports)[1:]


def together(names, *, params=Path("params"), reports=Path("reports")):
    """Find the studies by `names`, as in find, that train one model together: a list of Other, the home study first.

    Raises StudyError, which says of each study what is missing.
    """
    return _find_all(names.split(), _TOGETHER, params=params, reports=reports)


def _find_all(names, rule, *, params, reports):
    """Find each of the names: a list of Other; all that cannot be used are named at once."""
    found, wrong = [], []
    for name in names:
        try:
            found.append(_find(name, taken=[other.name for other in found], params=params, reports=reports))
        except (ValueError, OSError) as error:
            wrong.append(f"  {Path(name).stem}: {error}")
    if wrong:
        raise StudyError(
            f"{rule} are known, and so are their recordings; of {len(names)}, {len(wrong)} cannot be used, and nothing "
            "was trained:\n" + "\n".join(wrong)
        )
    return found


def data_of(study, reports):
    """Return the folder of a study's recordings: remembered, its file's own, or what the laboratory records.

    Raises StudyError where nobody knows it, or it is gone.
    """
    note = Path(reports) / "data.mk"
    noted = note.read_text(encoding="utf-8") if note.is_file() else ""
    remembered = noted.removeprefix(REMEMBERED).strip()
    if not remembered and study.data == "recordings" and study.laboratory is not None:
        return Path(reports) / "recordings"  # make records them
    folder = remembered or study.data
    if not folder:
        raise StudyError(
            f"nobody knows where its recordings are. Run `make stances STUDY={study.path.stem} DATA=DIR` once."
        )
    if not Path(folder).is_dir():
        raise StudyError(
            f"its recordings were in {folder}; no folder is there. Run `make stances STUDY={study.path.stem} "
            "DATA=DIR` once."
        )
    return Path(folder)


def _find(name, *, taken, params, reports):
    path = Path(name) if name.endswith((".yaml", ".yml")) else params / f"{name}.yaml"
    if path.stem in taken:
        raise StudyError("it is named twice. Name each study once.")
    study = study_file.load(path)
    return Other(path.stem, study, reports / path.stem, data_of(study, reports / path.stem))


def _suggested(params, own):
    others = [path.stem for path in sorted(Path(params).glob("*.yaml"))]
    return " ".join(name for name in ("hamner", "ja1", "rbds") if name in others and name != Path(own).stem) or "name"
