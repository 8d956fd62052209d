"""The course's data are made once, and again when a recipe changes or a run was stopped; errors say what to do."""

import shutil

import pytest

from grfkit.course import data as course_data
from grfkit.study import file as study_file
from grfkit.study.schema import StudyError


def test_course_data_are_those_of_its_study(monkeypatch, tmp_path):
    frames, stances = course_data.stances()
    section = study_file.load(course_data.STUDY).laboratory
    assert stances["runner"].nunique() == section.men + section.women
    assert len(course_data.predictions()["estimator"].unique()) == len(course_data.ESTIMATORS)
    assert set(frames["stance"]) == set(stances["stance"])
    course_data._made.cache_clear()
    monkeypatch.setattr(course_data, "STUDY", tmp_path / "course.yaml")
    with pytest.raises(StudyError, match="Clone grfkit"):
        course_data.results()
    monkeypatch.undo()
    course_data._made.cache_clear()


@pytest.fixture
def unmade(monkeypatch, tmp_path):
    """A course whose data are not made yet, in a folder of its own, with recipes of its own."""
    shutil.copytree(course_data.RECIPES, tmp_path / "recipes")
    monkeypatch.setattr(course_data, "REPORTS", tmp_path / "reports" / "course")
    monkeypatch.setattr(course_data, "RECIPES", tmp_path / "recipes")
    course_data._made.cache_clear()
    yield tmp_path
    course_data._made.cache_clear()


def test_course_data_are_made_anew_where_a_recipe_has_changed_or_a_run_was_stopped(unmade, monkeypatch):
    made = []
    monkeypatch.setattr(course_data, "_make", made.append)

    def again():
        course_data._made.cache_clear()
        course_data.results()
        return len(made)

    assert (again(), again()) == (1, 1)
    old = (unmade / "recipes" / "ridge.yaml").read_text(encoding="utf-8")
    (unmade / "recipes" / "ridge.yaml").write_text(old + "# changed\n", encoding="utf-8")

    def stop(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(course_data, "_make", stop)
    with pytest.raises(KeyboardInterrupt):
        again()
    (unmade / "recipes" / "ridge.yaml").write_text(old, encoding="utf-8")  # back: what lies there is half of the other
    monkeypatch.setattr(course_data, "_make", made.append)
    assert again() == 2


def test_course_says_where_its_data_cannot_be_written(unmade):
    (unmade / "reports").write_text("no folder", encoding="utf-8")
    with pytest.raises(StudyError, match="which cannot be written.*Ask the person who installed"):
        course_data.results()
