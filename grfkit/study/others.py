"""Find several studies at once, for `make transfer OTHERS="hamner ja1"` and `make field STUDY="rbds hamner"`.

In: names of studies, and the folders that `grfkit remember` noted. Out: study file, recordings and results of each.
An error names all studies that are unknown or without recordings, before anything runs.
"""

from pathlib import Path
from typing import NamedTuple

from grfkit.study import file as study_file
from grfkit.study.file import Study
from grfkit.study.schema import StudyError

_TRANSFER = "To test a model on another study, the study files and recordings of both are needed"
_TOGETHER = "To train one model on several studies, the study files and recordings of all are needed"
REMEMBERED = "LAST_DATA := "  # how data.mk begins, which make reads


class Other(NamedTuple):
    """A study by the name of its reports: its file, the folder of its reports, its folder of recordings."""

    name: str
    study: Study
    reports: Path
    data: Path


def find(names, *, own, params=Path("params"), reports=Path("reports")):
    """Find other studies by `names`, separated by blanks: a list of Other.

    A name is that of a file in `params`, or the path of a YAML file. `own` is the file of the study that trains; its
    recordings must be known too. Raises StudyError, which says what is missing for each study.
    """
    own, given = Path(own), list(dict.fromkeys(names.split()))
    if not given:
        raise StudyError(
            "A model is tested on other studies; none was named. Name them, separated by blanks: "
            f'make transfer STUDY={own.stem} OTHERS="{_suggested(params, own)}".'
        )
    return _find_all((own.as_posix(), *given), _TRANSFER, params=params, reports=reports)[1:]


def together(names, *, params=Path("params"), reports=Path("reports")):
    """Find the studies that train one model together, by `names` as in find: a list of Other, the home study first.

    Raises StudyError, which says what is missing for each study.
    """
    return _find_all(names.split(), _TOGETHER, params=params, reports=reports)


def _find_all(names, rule, *, params, reports):
    """Find each of the names: a list of Other. One error names all that cannot be used."""
    found, wrong = [], []
    for name in names:
        try:
            found.append(_find(name, taken=[other.name for other in found], params=params, reports=reports))
        except (ValueError, OSError) as error:
            wrong.append(f"  {Path(name).stem}: {error}")
    if wrong:
        raise StudyError(
            f"{rule}; of {len(names)} studies, {len(wrong)} cannot be used, and nothing was trained:\n"
            + "\n".join(wrong)
        )
    return found


def data_of(study, reports):
    """Return the folder of a study's recordings: the remembered one, that of its file, or the virtual laboratory's.

    Raises StudyError if it is not known, or no longer exists.
    """
    note = Path(reports) / "data.mk"
    noted = note.read_text(encoding="utf-8") if note.is_file() else ""
    remembered = noted.removeprefix(REMEMBERED).strip()
    if not remembered and study.data == "recordings" and study.laboratory is not None:
        return Path(reports) / "recordings"  # make records them
    folder = remembered or study.data
    if not folder:
        raise StudyError(
            f"the folder of its recordings is not known. Name it once: `make stances STUDY={study.path.stem} DATA=DIR`."
        )
    if not Path(folder).is_dir():
        raise StudyError(
            f"its recordings were in {folder}, which no longer exists. Name their folder once: "
            f"`make stances STUDY={study.path.stem} DATA=DIR`."
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
