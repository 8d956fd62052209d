"""In a real browser: Chromium, headless and without network, opens every page as a reader does, and JupyterLab as an
explorer does.

Screenshots stay in reports/browser/ (NAME-WIDTH.png, -dark and -print, NAME.pdf), for a person to look at.
"""

import functools
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pandas as pd
import pytest
from helpers import ROOT, SMOKE

from grfkit import cli
from grfkit.evaluation import score
from grfkit.points import FORCES
from grfkit.reports import html as html_page
from grfkit.reports.benchmark import score_page
from grfkit.study import file as study_file

PAGES = [
    "index",
    "01_preprocess",
    "02_search",
    "03_train",
    "04_table1",
    "05_table2",
    "06_table3",
    "07_figure4",
    "08_generalisation",
    "09_agreement",
    "10_field",
    "11_explanation",
    "12_stream",
    "13_moments",
    "explore",
]
OTHER_PAGES = ["studies", "estimate", "score"]  # all studies, a coach's page, a score
WIDTHS = (400, 1200, 1920)
LINE = 75  # the longest line of text, in widths of a zero of its own font; some 85 letters
PAPER = 703  # CSS pixels of text on A4 between margins of 12 mm
SHOTS = ROOT / "reports" / "browser"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
EST = ["est_ap", "est_ml", "est_v"]  # columns of a table of estimates
TEX = re.compile(
    r"\$[^$\n]*[\\^_{][^$\n]*\$|\\\(|\\\[|\\(frac|sum|sqrt|mathrm|hat|bar)\b"
)  # what a reader would see of a formula left as TeX
PROMPTS = (
    "[...document.querySelectorAll('.jp-NotebookPanel .jp-CodeCell .jp-InputPrompt')].map(prompt => prompt.textContent)"
)

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)")


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium):
    """Open a page with the network cut; afterwards nothing may have gone wrong: no error in the console, no request
    that left or failed."""
    contexts, wrong = [], []

    def open_(path, *, width=1200, **options):
        context = chromium.new_context(viewport={"width": width, "height": 900}, offline=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url[:100]}"))
        page.on(
            "request",
            lambda request: (
                None if request.url.startswith(("file:", "data:")) else wrong.append(f"network: {request.url[:100]}")
            ),
        )
        page.goto(path.resolve().as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
    assert wrong == []


@functools.cache
def shots():
    SHOTS.mkdir(parents=True, exist_ok=True)
    return SHOTS


def shoot(page, name):
    page.screenshot(path=shots() / f"{name}.png", full_page=True)


def too_wide(page):
    """What stands out of the page at its right edge, but for what scrolls within itself; [] where the page is readable
    as it is."""
    return page.evaluate("""() => {
        const width = document.documentElement.clientWidth
        const scrolls = element => element && (
            ["auto", "scroll"].includes(getComputedStyle(element).overflowX) || scrolls(element.parentElement))
        const out = [...document.body.querySelectorAll("*")].filter(element => {
            const box = element.getBoundingClientRect()
            return box.width > 1 && box.height > 1 && box.right > width + 1 && !scrolls(element)
                && getComputedStyle(element).position !== "absolute"})
        return [...(document.documentElement.scrollWidth > width + 1 ? ["the page"] : []),
                ...out.map(element => element.outerHTML.slice(0, 80))]}""")


@pytest.fixture(scope="module")
def studies(beyond):
    """The page of all studies."""
    return beyond.parent / "index.html"


@pytest.fixture(scope="module")
def estimate(beyond, tmp_path_factory):
    """A coach's page of two recordings: the example, and one with force plates."""
    folder = tmp_path_factory.mktemp("estimate")
    recordings = [ROOT / "grfkit" / "example" / "run.c3d", min((beyond / "recordings").glob("*/*.c3d"))]
    for recording in recordings:
        shutil.copy(recording, folder)
    assert cli.main(["estimate", str(folder), "--mass", "70", "--out", str(folder.parent / "page")]) == 0
    return folder.parent / "page" / "index.html"


@pytest.fixture(scope="module")
def scored(beyond, tmp_path_factory):
    """The page of a score: estimates that are off by a constant."""
    measured = score.load(beyond / "results").frames
    mine = measured[score.KEYS].assign(
        **{name: measured[force] + 0.05 for name, force in zip(EST, FORCES, strict=True)}
    )
    path = tmp_path_factory.mktemp("score") / "mine.csv"
    mine.to_csv(path, index=False)
    return score_page.write(path, study=study_file.load(SMOKE), reports=beyond)[0]


@pytest.fixture(params=[*PAGES, *OTHER_PAGES])
def report(request, beyond):
    """Each page: its name for screenshots and its path."""
    made = {"studies": "studies", "estimate": "estimate", "score": "scored"}.get(request.param)
    path = request.getfixturevalue(made) if made else beyond / f"{request.param}.html"
    assert path.is_file()
    return request.param, path


def test_a_page_is_whole_without_network(report, visit):
    name, path = report
    page = visit(path)
    pictures = page.locator("img").evaluate_all(
        "images => images.map(image => [image.complete && image.naturalWidth > 0, image.alt, image.src.slice(0, 60)])"
    )
    assert [source for shown, alt, source in pictures if not shown or len(alt) < 10] == []
    assert pictures or name not in ("index", "01_preprocess", "07_figure4", *OTHER_PAGES)
    prose = page.evaluate("""() => { const copy = document.body.cloneNode(true)
        copy.querySelectorAll("pre, code, script, style, math").forEach(node => node.remove());
        return copy.textContent }""")
    assert TEX.search(prose) is None
    formulas = page.locator("math").evaluate_all(
        "formulas => formulas.map(formula => formula.getBoundingClientRect().height)"
    )
    assert all(height > 5 for height in formulas) and (formulas or name not in ("04_table1", "07_figure4"))
    assert len(page.locator("main").inner_text()) > 500 and page.locator("h1").count() == 1


def longest_line(page):
    """The widest text of a page in zeros of its own font: [width, its first letters]."""
    return page.evaluate("""() => {
        const pen = document.createElement("canvas").getContext("2d")
        const texts = "main p, main li:not(.cards > li), main dd, main figcaption, main caption span"
        const widths = [...document.querySelectorAll(texts)].map(element => {
            const style = getComputedStyle(element)
            pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`
            const width = element.getBoundingClientRect().width / pen.measureText("0").width
            return [width, element.innerText.slice(0, 40)]})
        return widths.sort((a, b) => b[0] - a[0])[0]}""")


def test_a_page_is_readable_at_every_width_in_light_and_dark(report, visit):
    name, path = report
    page = visit(path, reduced_motion="reduce")
    for scheme, end in (("light", ""), ("dark", "-dark")):
        page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            shoot(page, f"{name}-{width}{end}")
            if scheme == "light":
                assert too_wide(page) == [], width
                assert longest_line(page)[0] <= LINE, (width, longest_line(page))
                sizes = page.locator("main p, main td, main li").evaluate_all(
                    "found => found.map(element => parseFloat(getComputedStyle(element).fontSize))"
                )
                assert min(sizes) >= 11.5, width
    assert page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).every(part => part < 60)")


def test_a_page_is_whole_on_paper(report, visit):
    name, path = report
    page = visit(path, width=PAPER)
    page.emulate_media(media="print", color_scheme="light")
    shoot(page, f"{name}-print")
    assert too_wide(page) == []
    assert page.locator("button:visible, input:visible, nav a:visible").count() == 0  # nothing to press on paper
    pdf = shots() / f"{name}.pdf"
    page.pdf(path=pdf, format="A4")
    if shutil.which("pdftotext"):  # each word ends on the page
        found = subprocess.run(["pdftotext", "-bbox", pdf, "-"], capture_output=True, text=True, check=True).stdout
        right = [float(edge) for edge in re.findall(r'<word [^>]*xMax="([\d.]+)"', found)]
        assert len(right) > 100 and max(right) < 595 - 33  # points; A4 less 12 mm, rounded


def test_the_first_screen_of_an_index_says_what_was_asked_what_came_out_and_what_to_look_at(beyond, studies, visit):
    for path in (beyond / "index.html", studies):
        page = visit(path)
        for width in (1200, 400):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.locator("main p").first.inner_text().count("?") == 1
            parts = [page.locator(part).first.bounding_box() for part in ("main p", "#in-short", "#look-at")]
            ends = [part["y"] + part["height"] for part in parts]
            assert ends == sorted(ends) and ends[-1] <= 900, (path, width, ends)
        assert page.locator("#look-at a").count() >= 3


def test_the_tables_of_a_coach_are_whole_on_a_phone(estimate, visit):
    regions = visit(estimate, width=400).locator(".scroll")
    wide = regions.evaluate_all(
        "found => found.filter(region => region.scrollWidth > region.clientWidth + 1).map(region => region.ariaLabel)"
    )
    assert regions.count() > 4 and wide == []


def test_a_long_table_is_folded_until_somebody_opens_it_and_whole_on_paper(visit, tmp_path):
    table = pd.DataFrame({"a": range(20), "b": 1})._repr_html_()
    body = html_page.focusable(f'<div class="output_html">{table}</div>')
    path = tmp_path / "long.html"
    path.write_text(html_page.page("A long table", f"<h1>Long</h1>{body}", header="<nav></nav>"), encoding="utf-8")
    page = visit(path, width=400)
    rows = page.locator("tbody tr:visible")
    assert rows.count() == html_page.FIRST_ROWS
    assert page.locator("summary").inner_text() == "All 20 rows (the first 8 are shown)"
    page.locator("summary").focus()
    page.keyboard.press("Enter")
    assert rows.count() == 20 and page.locator("summary").inner_text() == "All 20 rows"
    page.keyboard.press("Enter")
    page.emulate_media(media="print")
    assert rows.count() == 20


def violations(page, **options):
    """What axe finds against the rules of accessibility, the first three places of each."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options=options or None).response["violations"]
    return [(rule["id"], [node["html"][:120] for node in rule["nodes"]][:3]) for rule in found]


def test_a_page_is_accessible_in_light_and_dark(report, visit):
    page = visit(report[1], reduced_motion="reduce")
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    assert violations(page, runOnly=["color-contrast"]) == []  # the rest is the same as in the light


def test_every_link_of_the_index_leads_somewhere(beyond, visit):
    page = visit(beyond / "index.html")
    links = page.locator("a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    own = [link for link in links if not link.startswith(("http", "#"))]
    assert len(own) > len(PAGES) and [link for link in own if not (beyond / link.split("#")[0]).exists()] == []
    assert [link for link in links if link.startswith("#") and page.locator(link).count() != 1] == []


def test_the_index_is_used_by_keyboard_alone(beyond, visit):
    page, reached = visit(beyond / "index.html"), []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.getAttribute('href')"))
        assert (
            page.evaluate("""[document.activeElement, document.activeElement.closest("li")].some(
            element => element === document.body || element && getComputedStyle(element).outlineStyle === "solid")""")
        )  # around what is reached, or around its card
    assert {f"{name}.html" for name in PAGES if name != "index"} <= set(reached)


def test_studies_are_compared_on_a_page_of_their_own(studies, visit):
    page = visit(studies)
    assert "smoke" in page.locator("main").inner_text()
    page.locator("a", has_text="smoke").first.click()
    assert page.url.endswith("smoke/index.html")


@pytest.mark.parametrize("name", ["01_preprocess", "explore"])
def test_an_animation_plays_stops_and_is_moved_by_keyboard(beyond, visit, name):
    page = visit(beyond / f"{name}.html")
    figure = page.locator("figure:has(button)").first
    picture, button, slider = figure.locator("img"), figure.locator("button"), figure.locator("input[type=range]")
    for _ in range(3):
        page.wait_for_function(
            "before => document.querySelector('figure:has(button) img').src !== before",
            arg=picture.get_attribute("src"),
        )
    assert button.inner_text() == "Pause"
    button.click()
    still = picture.get_attribute("src")
    page.wait_for_timeout(400)
    assert picture.get_attribute("src") == still and button.inner_text() == "Play"
    slider.focus()
    page.keyboard.press("Home")
    first, label = picture.get_attribute("src"), figure.locator("output").inner_text()
    page.keyboard.press("ArrowRight")
    assert picture.get_attribute("src") != first and figure.locator("output").inner_text() != label


def test_an_animation_stands_still_for_who_asked_for_less_motion(beyond, visit):
    page = visit(beyond / "01_preprocess.html", reduced_motion="reduce")
    figure = page.locator("figure:has(button)").first
    still = figure.locator("img").get_attribute("src")
    page.wait_for_timeout(400)
    assert figure.locator("img").get_attribute("src") == still and figure.locator("button").inner_text() == "Play"


@pytest.fixture(scope="module")
def lab(beyond, tmp_path_factory):
    """JupyterLab in a copy of the project in which the study smoke stands for virtual, the notebooks' own; its
    address."""
    home = tmp_path_factory.mktemp("lab")
    for name in ("notebooks", "params"):
        shutil.copytree(ROOT / name, home / name, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    shutil.copytree(beyond, home / "reports" / "virtual")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token, own = (
        secrets.token_hex(8),
        {
            name: str(home / name)
            for name in (
                "JUPYTER_CONFIG_DIR",
                "JUPYTER_RUNTIME_DIR",
                "JUPYTERLAB_SETTINGS_DIR",
                "JUPYTERLAB_WORKSPACES_DIR",
                "JUPYTER_DATA_DIR",
            )
        },
    )
    with open(home / "lab.log", "wb") as log:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "jupyterlab",
                "--no-browser",
                "--allow-root",
                f"--port={port}",
                f"--IdentityProvider.token={token}",
                f"--ServerApp.root_dir={home}",
                "--LabApp.news_url=None",
                "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            ],
            cwd=home,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, **own, "JUPYTER_PREFER_ENV_PATH": "1"},
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/api/status?token={token}").close()
                break
            except (urllib.error.URLError, ConnectionError):
                assert server.poll() is None, (home / "lab.log").read_text(encoding="utf-8")[-2000:]
                time.sleep(0.25)
        yield address, token
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture
def notebook(chromium, lab):
    """Open a notebook in JupyterLab, run all its cells and wait for the last; returns the page. No error of ours may
    stand in the console."""
    address, token = lab
    contexts, wrong = [], []

    def open_(name):
        context = chromium.new_context(viewport={"width": 1500, "height": 1300})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on(
            "request",
            lambda request: (
                None
                if re.match(rf"{address}|ws://127|data:|blob:", request.url)
                else wrong.append(f"network: {request.url[:100]}")
            ),
        )
        with page.expect_websocket(lambda socket: "/channels" in socket.url, timeout=60_000):
            page.goto(f"{address}/lab/tree/notebooks/{name}.ipynb?token={token}&reset")
        for _ in range(
            3
        ):  # a run that is asked for while the kernel still answers its first message goes no further than one cell
            page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=60_000)
            page.get_by_role("menuitem", name="Run", exact=True).click()
            page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
            page.wait_for_timeout(2_000)
            page.wait_for_function(f"{PROMPTS}.every(prompt => !prompt.includes('*'))", timeout=180_000)
            if page.evaluate(f"{PROMPTS}.every(prompt => /[0-9]/.test(prompt))"):
                break
        else:
            raise AssertionError(f"not every cell of {name} ran: {page.evaluate(PROMPTS)}")
        assert (
            page.locator(
                ".jp-RenderedText[data-mime-type='application/vnd.jupyter.error'], "
                "[data-mime-type='application/vnd.jupyter.stderr']"
            ).all_inner_texts()
            == []
        )
        return page

    yield open_
    for context in contexts:
        context.close()
    assert wrong == []


def test_table1_runs_through_in_jupyterlab(notebook, beyond):
    page = notebook("04_table1")
    shoot(page, "lab-04_table1")
    table = pd.read_csv(beyond / "results" / "04_table1" / "table1.csv")
    shown = page.locator(".jp-RenderedHTMLCommon table").first.inner_text()
    assert all(f"{value:.3f}".rstrip("0") in shown for value in table["rmse_bw_mean"])


def test_explore_runs_through_in_jupyterlab_and_follows_a_choice_and_its_sliders(notebook):
    page = notebook("explore")
    chosen, tables = page.locator(".grf-stance select"), page.locator(".grf-tables")
    tables.wait_for(timeout=120_000)
    before = tables.inner_text()
    chosen.select_option(index=1)
    page.wait_for_function(
        "before => document.querySelector('.grf-tables').innerText !== before", arg=before, timeout=60_000
    )
    tables.scroll_into_view_if_needed()
    shoot(page, "lab-explore-chosen")
    picture, words = page.locator(".grf-picture img"), page.locator(".grf-laboratory-tables")
    picture.scroll_into_view_if_needed()
    for name in ("speed", "stiffness", "noise"):
        before, told = picture.get_attribute("src"), words.inner_text()
        page.locator(f".grf-{name} .noUi-handle").first.focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "before => document.querySelector('.grf-picture img').src !== before", arg=before, timeout=60_000
        )
        page.wait_for_function(
            "before => document.querySelector('.grf-laboratory-tables').innerText !== before", arg=told, timeout=60_000
        )
    shoot(page, "lab-explore-moved")


@pytest.mark.slow
def test_estimate_runs_through_in_jupyterlab_and_takes_a_recording(notebook):
    page, recording = notebook("estimate"), ROOT / "grfkit" / "example" / "run.c3d"
    with page.expect_file_chooser() as chooser:
        page.locator(".grf-upload").click()
    chooser.value.set_files(recording)
    page.locator(".grf-told", has_text=f"{recording.name} (").wait_for()
    page.locator(".grf-start").click()
    page.locator(".grf-page").wait_for(timeout=120_000)
    assert recording.name in page.frame_locator(".grf-page").locator("main").inner_text()
    shoot(page, "lab-estimate")
