"""README, CONTRIBUTING and docs: links lead somewhere, commands run, sentences are short, figures are the file's."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from typing import get_args
from urllib.parse import unquote

import mistune
import pytest
import yaml
from helpers import ROOT, make

from grfkit.study import schema

sys.path.insert(0, str(ROOT / "docs"))
import figure_sources  # noqa: E402
import figures  # noqa: E402

PAGES = figures.pages()
ENGLISH = [path for path in PAGES if path.name != "README.zh-CN.md"]
MOST_WORDS = 35
PARSE = mistune.create_markdown(renderer=None, plugins=["table"])
each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)


def walk(tokens):
    for token in tokens:
        yield token
        yield from walk(token.get("children", []))


def tokens(path):
    return list(walk(PARSE(path.read_text(encoding="utf-8"))))


def plain(token):
    """Give the text of a token as a reader sees it; code counts as one word."""
    if token["type"] in ("inline_html", "block_html"):
        return ""
    if token["type"] in ("softbreak", "linebreak"):
        return " "
    if token["type"] == "codespan":
        return "code"
    if "children" in token:
        return "".join(plain(child) for child in token["children"])
    return token.get("raw", "")


def texts(path):
    """List the texts that are read in one go: paragraphs, cells, items; headings and code are none."""
    return [plain(one) for one in tokens(path) if one["type"] in ("paragraph", "block_text", "table_cell")]


def sentences(text):
    text = re.sub(r"\b(et al|e\.g|i\.e|vs|cf|Fig|no)\.", r"\1", text)
    return re.split(r"(?<=[.!?])[\")”]*\s+(?=[\"(“]?[A-Z0-9])", text)


def anchors(path):
    """Give the anchors of a page's headings, as repositories make them."""
    found = []
    for token in tokens(path):
        if token["type"] == "heading":
            words = "".join(child.get("raw", "") for child in walk(token["children"])).lower()
            slug = re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")
            found.append(slug if slug not in found else f"{slug}-{found.count(slug)}")
    return found


@each_page
def test_every_link_leads_somewhere(path):
    links = [token["attrs"]["url"] for token in tokens(path) if token["type"] in ("link", "image")]
    assert links or path.parent.name == "docs"
    for link in links:
        if re.match(r"https://[\w.-]+\.\w+(/\S*)?$", link):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists() and target.is_relative_to(ROOT), f"{path.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{path.name}: {link}; has {anchors(target)}"


def test_every_link_of_the_notebooks_leads_to_a_heading():
    """Notebooks explain their parameters by a link to docs; pages of reports have no such folder beside them."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        prose = "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        for token in walk(PARSE(prose)):
            if token["type"] == "link" and not token["attrs"]["url"].startswith(("https:", "#")):
                name, _, anchor = token["attrs"]["url"].partition("#")
                target = (path.parent / name).resolve()
                assert target.is_file(), f"{path.name}: {name}"
                assert not anchor or anchor in anchors(target), f"{path.name}: {name}#{anchor}"


def keys(section):
    """List the keys of a section of study files, and of those within it."""
    for name, field in section.model_fields.items():
        yield name
        kinds = (field.annotation, *get_args(field.annotation))
        yield from (
            key for kind in kinds if isinstance(kind, type) and issubclass(kind, schema.Section) for key in keys(kind)
        )


def test_every_key_of_a_study_file_is_explained():
    """On one of the pages with a heading `Parameters`; what 09 has a bound for are features, which the glossary has."""
    explained = "".join(path.read_text(encoding="utf-8").partition("\n## Parameters\n")[2] for path in PAGES)
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", explained))))
    features = {*schema.FeatureBounds.model_fields, *schema.CurveBounds.model_fields}
    sections = {field.alias or name: field.annotation for name, field in schema.StudyFile.model_fields.items()}
    told = {name: section for name, section in sections.items() if name not in ("laboratory", "fetch")}
    absent = {name: [key for key in keys(section) if key not in words] for name, section in told.items()}
    assert {name: {*some} - features for name, some in absent.items() if {*some} - features} == {}
    assert {*told} <= words and len(told) == 15


@pytest.mark.slow
def test_every_address_answers():
    """Those of the web, where there is a network: a publisher that turns programs away (403) is there all the same."""
    requests = pytest.importorskip("requests")
    links = {token["attrs"]["url"] for path in PAGES for token in tokens(path) if token["type"] in ("link", "image")}
    for link in sorted(link for link in links if link.startswith("https://")):
        try:
            status = requests.get(link, timeout=30, headers={"User-Agent": "Mozilla/5.0"}, stream=True).status_code
        except requests.ConnectionError:
            pytest.skip(f"no network, or no answer: {link}")
        assert status not in (404, 410), link


@each_page
def test_no_line_begins_with_a_marked_figure(path):
    """A comment at the start of a line is a block of its own in Markdown: it would end the paragraph."""
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if re.match(r"\s*(?:[-*]|\d+\.)?\s*<!--", line)] == []


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 130


@pytest.mark.parametrize("path", ENGLISH, ids=lambda path: path.name)
def test_no_sentence_is_long(path):
    long = [one for text in texts(path) for one in sentences(text) if len(one.split()) > MOST_WORDS]
    assert long == []


# ---- figures --------------------------------------------------------------------------------------------------------

UNITS = "%|ms|BW|BW/s|MB|GB|mm|cm|s|min|minutes?|seconds?|times"
MEASURED = re.compile(rf"(?<![\w.,-])(\d*\.\d+|\d[\d,]*(?= ?(?:{UNITS})(?!\w)))(?: ?(?:{UNITS})(?!\w))?(?![\w.]*\d)")


GIVEN = {  # numbers that define something or set it, and are no result: nothing is measured for them
    "README.md": ["2.5", "3.5", "3.11", "4.0", "4.5"],
    "README.zh-CN.md": ["2.5", "3.5", "3.11", "4.0", "4.5"],
    "CONTRIBUTING.md": ["3.11"],
    "accuracy.md": "9.81 3.5 2.5 4.5 1.5 .05".split()
    + ["95 %", "90 %", "5 %", "9 %", "17 %", "10 ms", ".05 BW", "1 BW"],
    "course.md": ["75 minutes", ".05", "3.11"],
    "method.md": "0.010 0.1 1.5 .05".split() + ["10 ms", "1 mm", "10 mm", "13 %", "80 %", "25 ms"],
    "scaling.md": ["32 MB"],
    "install.md": ["3.11"],
    "formats.md": ["10 cm", "3 cm", "2 cm", "2.5 s", "95 %"],
    "benchmark.md": ["4.0", "9.81", "95 %"],
    "glossary.md": ["9.81", "13 %", "10 ms", "90 %", "80 %", ".05", "0.05", "95 %"],
    "recordings.md": "1.0 2.5 .5 4.0 3.5 .03 3.43 3.80 1.2 .05 .010 .15 .40 1.5 .040 .20 .080 .030 .10 8.0".split()
    + ["1 ms", "2 ms", "30 mm", ".05 s", ".030 s", "10 %"],
    "without-plates.md": "1.2 10.7717 2.5 3.5 4.5 4.0 .4 1.4 .005 .9 .0005 .02 .05 .24 .04 .03 .0012".split()
    + [
        ".7 s",
        "4 s",
        "7 s",
        "90 %",
        "10 cm",
        "3 cm",
        "1.2 times",
        "1.5 times",
        "100 MB",
        "10 MB",
        "2 cm",
        "2 mm",
        "1 mm",
        ".15 s",
        "1 %",
        "30 ms",
        "5 %",
        "40 ms",
        ".24 s",
        "0 ms",
        "20 ms",
    ],
}
ONCE = ["decisions.md"]  # its figures are of the day on which something was decided: nothing renews them


def unmarked(path):
    """List the numbers of a page that look measured and that `make figures` does not write."""
    text = figures.MARKED.sub("", path.read_text(encoding="utf-8"))
    prose = " ".join(
        plain(one) for one in walk(PARSE(text)) if one["type"] in ("paragraph", "block_text", "table_cell")
    )
    return [found[0] for found in MEASURED.finditer(prose)]


@each_page
def test_a_number_that_was_measured_is_written_by_make_figures(path):
    found = [] if path.name in ONCE else unmarked(path)
    given = GIVEN.get(path.name, [])
    assert [one for one in found if one not in given] == [] and [one for one in given if one not in found] == []


def test_pages_show_the_committed_figures():
    assert figures.main(["--check"]) == 0


def test_every_committed_figure_is_shown_and_says_where_it_is_from():
    committed = json.loads(figures.FILE.read_text(encoding="utf-8"))
    shown = {name for path in PAGES for name, _ in figures.MARKED.findall(path.read_text(encoding="utf-8"))}
    assert set(committed) == shown
    assert [name for name, figure in committed.items() if not figure["text"] or len(figure["from"]) < 5] == []


def test_figures_are_renewed_from_results_and_kept_where_there_are_none(tmp_path, monkeypatch, capsys):
    (tmp_path / "docs").mkdir()
    page, file = tmp_path / "docs" / "a.md", tmp_path / "docs" / "figures.json"
    page.write_text("Errs by <!--f a.rmse-->.9<!--/f--> and <!--f b-->7<!--/f-->.\n", encoding="utf-8")
    file.write_text('{"a.rmse": {"text": ".9", "from": "x"}, "b": {"text": "8", "from": "by hand"}}', encoding="utf-8")
    for name, value in {"ROOT": tmp_path, "FILE": file, "PAGES": []}.items():
        monkeypatch.setattr(figures, name, value)
    monkeypatch.setattr(figure_sources, "RENEWED", [])

    @figure_sources.of("s/results/a.csv")
    def of_a(table):
        return {"a.rmse": figure_sources.numbers(table["rmse"], 2)}

    reports = ["--reports", str(tmp_path / "reports")]
    assert figures.main(["--check"]) == 1
    assert figures.main(reports) == 0 and "s/results/a.csv" in capsys.readouterr().out
    assert page.read_text(encoding="utf-8") == "Errs by <!--f a.rmse-->.9<!--/f--> and <!--f b-->8<!--/f-->.\n"
    (tmp_path / "reports" / "s" / "results").mkdir(parents=True)
    (tmp_path / "reports" / "s" / "results" / "a.csv").write_text("rmse\n.123\n-0.4\n1\n", encoding="utf-8")
    assert figures.main(reports) == 0
    assert page.read_text(encoding="utf-8").startswith("Errs by <!--f a.rmse-->.12 -.40 1.00<!--/f--> and")
    assert json.loads(file.read_text(encoding="utf-8"))["a.rmse"]["from"] == "reports/s/results/a.csv"
    assert figures.main(["--check"]) == 0
    page.write_text("<!--f c-->7<!--/f-->\n", encoding="utf-8")
    assert figures.main(reports) == 1 and "c" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == "<!--f c-->7<!--/f-->\n" and not list(tmp_path.glob("docs/*~"))


# ---- commands -------------------------------------------------------------------------------------------------------
RUNS_ELSEWHERE = {  # long ones, and those that need a network or another machine: the tests that run them
    r"nbgrader (generate_assignment|autograde|generate_feedback|export) ": "tests/course/test_build.py",
    r"dask (scheduler|worker)": "tests/stances/test_cohort.py",
    r"pip install \"?\.(\[\w+\])?\"?( -c requirements.lock)?$": "tests/whole/test_wheel.py",
    r"python3 -m venv \.venv$|\. \.venv/bin/activate$": "tests/test_install.py",
    r"conda (env create -f environment\.yml|activate grfkit)$": "environment.yml",  # its list is requirements.lock
    r"docker (build|run) |mkdir -p reports$": "Dockerfile",  # no machine of the tests has Docker
}
BLOCKS = [(path, token) for path in PAGES for token in tokens(path) if token["type"] == "block_code"]


def language(token):
    return token.get("attrs", {}).get("info", "").strip()


def commands(language_wanted="sh"):
    """List (page, command) of the code blocks: one a line; a comment and a line's continuation are taken off."""
    found = []
    for path, token in BLOCKS:
        if language(token) == language_wanted:
            lines = token["raw"].replace("\\\n", " ").splitlines()
            found += [(path.name, re.sub(r"\s+#.*", "", line).strip()) for line in lines]
    return [(name, line) for name, line in dict.fromkeys(found) if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with the files that the pages name: a study `mine`, and recordings where the placeholders say."""
    home = tmp_path_factory.mktemp("project")
    for name in ("Makefile", "install.py", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, home)
    for name in ("params", "notebooks", "docs"):
        shutil.copytree(ROOT / name, home / name)
    for name in ("grfkit", "course"):
        (home / name).symlink_to(ROOT / name)
    mine = (ROOT / "params" / "virtual.yaml").read_text(encoding="utf-8")
    (home / "params" / "mine.yaml").write_text(mine.replace("name: virtual", "name: mine", 1), encoding="utf-8")
    places = home / "path" / "to"
    for name in ("recordings", "rbds", "hamner", "ja1"):
        (places / name).mkdir(parents=True)
    for kind in ("c3d", "trc", "csv"):
        shutil.copy(ROOT / "grfkit" / "example" / f"run.{kind}", places)
        shutil.copy(ROOT / "grfkit" / "example" / f"run.{kind}", home)
    shutil.copy(ROOT / "grfkit" / "example" / "run.trc", places / "recordings")
    (home / "mine.parquet").touch()
    return home


def test_code_blocks_say_what_they_are():
    assert [(path.name, token["raw"][:60]) for path, token in BLOCKS if language(token) not in LANGUAGES] == []


LANGUAGES = {"sh", "python", "yaml", "text", "csv"}


@pytest.mark.parametrize(("page", "command"), commands(), ids=lambda value: value)
def test_a_command_runs(page, command, project):
    """make is asked what it would do; grfkit runs; of what runs elsewhere the test is there."""
    for pattern, test in RUNS_ELSEWHERE.items():
        if re.search(pattern, command):
            assert (ROOT / test).is_file()
            return
    words = shlex.split(command)
    shutil.rmtree(project / "reports" / "estimate", ignore_errors=True)  # what another command wrote is never replaced
    if words[0] == "make":
        done = make(project, "-n", *words[1:])
        assert done.returncode == 0, done.stdout + done.stderr
    elif words[0] == "grfkit" or words[:3] == ["python", "-m", "grfkit"]:
        arguments = words[words.index("grfkit") + 1 :]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-m", "grfkit", *arguments],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stdout + done.stderr
    else:
        raise AssertionError(f"{page}: no test runs `{command}`")


NOT_RUN = {  # what a block of Python needs that is not here: the tests that run the same calls
    "import opensim": "tests/reports/exports/test_exports_mot.py",
    "12_stream/model": "tests/field/test_stream.py",
    "15_impulse": "tests/whole/test_by_hand.py",
    "grfkit.course import data": "tests/course/test_data.py",
}


@pytest.mark.parametrize(
    "path", sorted({path for path, token in BLOCKS if language(token) == "python"}), ids=lambda path: path.name
)
def test_python_runs(path, project):
    """All blocks of a page, one after the other; of those that need what is not here the tests are there."""
    blocks = [token["raw"] for each, token in BLOCKS if each == path and language(token) == "python"]
    for needs, test in NOT_RUN.items():
        assert not any(needs in block for block in blocks) or (ROOT / test).is_file(), test
        blocks = [block for block in blocks if needs not in block]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    command = [sys.executable, "-c", "\n".join(blocks)]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("raw", [token["raw"] for _, token in BLOCKS if language(token) == "yaml"])
def test_yaml_is_yaml(raw):
    assert isinstance(yaml.safe_load(raw), dict | list)
