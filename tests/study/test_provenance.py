"""Provenance: whatever of the program or the data changes, changes the fingerprint."""

import shutil

import pytest

from grfkit.study import provenance


@pytest.fixture
def package(tmp_path):
    """A copy of the package, to be changed."""
    return shutil.copytree(provenance.PACKAGE, tmp_path / "grfkit", ignore=shutil.ignore_patterns("__pycache__"))


def test_hash_code_changes_with_a_byte_of_any_module_in_any_room(package):
    whole = provenance.hash_code(package=package)
    assert whole == provenance.hash_code()
    sources = sorted(package.rglob("*.py"))
    assert len(sources) > 50
    for source in sources:
        text = source.read_bytes()
        source.write_bytes(text + b"#")
        assert provenance.hash_code(package=package) != whole, source
        source.write_bytes(text)
    assert provenance.hash_code(package=package) == whole


def test_hash_code_changes_with_a_module_deep_in_a_new_room_and_with_a_name(package):
    seen = [provenance.hash_code(package=package)]
    room = package / "room" / "subroom"
    room.mkdir(parents=True)
    (room / "module.py").write_text("x = 1\n", encoding="utf-8")
    seen.append(provenance.hash_code(package=package))
    (room / "module.py").rename(room / "other.py")
    seen.append(provenance.hash_code(package=package))
    assert len(set(seen)) == 3


def test_hash_code_does_not_depend_on_line_ends(package):
    whole = provenance.hash_code(package=package)
    source = package / "transform.py"
    source.write_bytes(source.read_bytes().replace(b"\n", b"\r\n"))
    assert provenance.hash_code(package=package) == whole


def test_hash_code_of_a_part_knows_that_part_alone(package):
    parts = ("transform.py", "metrics.py")
    before = provenance.hash_code(*parts, package=package)
    assert before == provenance.hash_code(*reversed(parts), package=package)
    (package / "spm.py").write_text("x = 1\n", encoding="utf-8")
    assert provenance.hash_code(*parts, package=package) == before
    (package / "metrics.py").write_text("x = 1\n", encoding="utf-8")
    assert provenance.hash_code(*parts, package=package) != before


def test_hash_code_refuses_a_part_that_is_not_there():
    with pytest.raises(ValueError, match="gone.py is none"):
        provenance.hash_code("gone.py")


def test_hash_data_changes_with_content_name_and_number_of_files(tmp_path):
    (tmp_path / "R1").mkdir()
    (tmp_path / "R1/a.c3d").write_bytes(b"one")
    seen = [provenance.hash_data(tmp_path)]
    for name, content in (("R1/a.c3d", b"two"), ("R1/b.C3D", b"one"), ("trials.csv", b"file\n")):
        (tmp_path / name).write_bytes(content)
        seen.append(provenance.hash_data(tmp_path))
    (tmp_path / "R1/a.c3d").rename(tmp_path / "a.c3d")
    assert len({*seen, provenance.hash_data(tmp_path)}) == 5
    (tmp_path / "notes.txt").write_text("not data", encoding="utf-8")
    (tmp_path / "R1/b.C3D").unlink()
    (tmp_path / "trials.csv").unlink()
    (tmp_path / "a.c3d").unlink()
    assert provenance.hash_data(tmp_path) is None


def test_hash_data_does_not_depend_on_the_order_of_the_files(tmp_path):
    names = [f"{name}.c3d" for name in "dacbe"]
    for folder, order in (("one", names), ("two", names[::-1])):
        (tmp_path / folder).mkdir()
        for name in order:
            (tmp_path / folder / name).write_text(name, encoding="utf-8")
    assert provenance.hash_data(tmp_path / "one") == provenance.hash_data(tmp_path / "two")
