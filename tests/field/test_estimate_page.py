"""The page of `make estimate-page` in a real browser: Voila, without code, for whoever has its token, without network.

Screenshots stay in reports/browser/ (estimate-*.png), for a person to look at.
"""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from helpers import ROOT

from grfkit.reports.upload.widgets import MOST_BYTES

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SHOTS = ROOT / "reports" / "browser"
DROP = """([name, content, x]) => {
    const bytes = Uint8Array.from(atob(content), letter => letter.charCodeAt(0));
    const data = new DataTransfer();
    for (const each of name) data.items.add(new File([bytes], each));
    const box = document.querySelector(x);
    box.dispatchEvent(new DragEvent("dragover", {dataTransfer: data, bubbles: true, cancelable: true}));
    box.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
}"""

pytestmark = [
    pytest.mark.slow,  # a server, a kernel and a browser: a minute
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt-get install chromium)"),
]


@pytest.fixture(scope="module")
def served(lab, tmp_path_factory):
    """The page, served as make does: its address with the token, and where its temporary folders lie."""
    temporary = tmp_path_factory.mktemp("temporary")
    command = [sys.executable, "-m", "grfkit", "estimate-page", "--no-browser", "--model", str(lab.model)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    env = {**os.environ, "TMPDIR": str(temporary), "TEMP": str(temporary), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=env, **pipes) as server:
        try:
            address = server.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{20,}", address), address
            yield address, temporary
        finally:
            server.send_signal(signal.SIGINT)
            rest = server.stdout.read()
    assert server.returncode == 0 and "Traceback" not in rest, rest
    assert [path.name for path in temporary.glob("grfkit-*")] == []


@pytest.fixture(scope="module")
def page(served):
    """The page as it opens, widgets and all; no request may leave this machine."""
    from playwright.sync_api import sync_playwright

    address, _ = served
    left = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_context(viewport={"width": 1200, "height": 1000}).new_page()
        ours = re.compile(r"(http|ws)://127\.0\.0\.1|data:|blob:|about:")
        page.on("request", lambda request: ours.match(request.url) or left.append(request.url))
        page.goto(address, timeout=120_000)  # while the kernel starts
        page.locator(".grf-drop").wait_for(timeout=120_000)
        yield page
        browser.close()
    assert left == []


def shoot(page, name):
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / f"estimate-{name}.png")


def choose(page, path):
    with page.expect_file_chooser() as chooser:
        page.locator(".grf-upload").click()
    chooser.value.set_files(path)
    page.locator(".grf-told", has_text=path.name).wait_for()


def drop(page, *names, content=b"", on=".grf-drop"):
    page.evaluate(DROP, [names, base64.b64encode(content).decode(), on])


def get(address):
    """Fetch an address as a program does that has no cookie: status, where it ended, what it says."""
    try:
        with urllib.request.urlopen(address) as answer:
            return answer.status, answer.url, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.url, ""


def test_without_the_token_nothing_is_shown(served):
    address, _ = served
    base = address.partition("?")[0]
    for wrong in (base, f"{base}?token=x", f"{base}voila/render/estimate.ipynb"):
        status, url, text = get(wrong)
        assert status == 403 or "/login?" in url, wrong
        assert "grf-" not in text and "Drop a recording" not in text
    kernels = f"{base}api/kernels/00000000-0000-0000-0000-000000000000"
    assert get(kernels)[0] == get(f"{kernels}/channels")[0] == 403


def test_with_another_host_name_nothing_is_shown(served):
    """A page elsewhere may have a name that leads to 127.0.0.1; its cookies are no matter then."""
    request = urllib.request.Request(served[0], headers={"Host": "elsewhere.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 403


def test_the_page_asks_nothing_of_the_network_and_hands_out_no_file(served, page):
    address, _ = served
    text = get(address)[2]
    assert "widgets.drop" not in text and "import" not in re.sub(r"(?s)<(script|style).*?</\1>", "", text)
    assert re.findall(r"""(?:src|href|url\()\s*=?\s*["']?(?:https?:)?//(?!127\.0\.0\.1)[^"']*""", text) == []
    cookies = "; ".join(f"{each['name']}={each['value']}" for each in page.context.cookies())
    for name in ("estimate.ipynb", "../Makefile", "..%2fMakefile"):
        request = urllib.request.Request(f"{address.partition('?')[0]}voila/files/{name}", headers={"Cookie": cookies})
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        assert refused.value.code in (403, 404)


def test_a_recording_becomes_a_page_and_files(page, lab):
    shoot(page, "empty")
    button = page.locator(".grf-upload").bounding_box()
    assert button["width"] > 150 and button["height"] > 20
    recording = lab.data / lab.trials["file"][0]
    choose(page, recording)
    page.locator(".grf-mass input").fill("70")
    page.locator(".grf-start").click()
    page.locator(".grf-page").wait_for(timeout=120_000)
    frame = page.frame_locator(".grf-page")
    assert recording.name in frame.locator("main").inner_text() and frame.locator("img").count() > 2
    shoot(page, "result")
    frame.locator("a[href='#model']").first.click()
    page.wait_for_timeout(300)
    assert [each.url.partition("#")[0] for each in page.frames][1:] == ["about:srcdoc"]  # not this page once more
    with page.expect_download() as download:
        page.locator(".grf-files a").first.click()
    assert download.value.suggested_filename == f"{recording.stem}_estimate.zip"
    assert download.value.path().stat().st_size > 10_000


def test_a_file_is_dropped_and_what_is_wrong_is_said_in_its_place(page):
    drop(page, "a <b>.c3d", content=b"no C3D" * 100)
    page.locator(".grf-told", has_text="a <b>.c3d (0.6 kB) is here").wait_for()
    assert page.locator(".grf-page").count() == 0
    page.locator(".grf-start").click()
    page.locator(".grf-told .grf-wrong", has_text="a <b>.c3d was not estimated. ").wait_for(timeout=60_000)
    shoot(page, "wrong")
    assert "Traceback" not in page.inner_text("body") and page.locator(".grf-start").is_enabled()
    drop(page, "a.c3d", "b.c3d")
    page.locator(".grf-told", has_text="One recording at a time").wait_for()
    drop(page, "beside.c3d", content=b"x", on="h1")
    drop(page, "in.zip", content=b"x")
    page.locator(".grf-told", has_text="in.zip cannot be estimated").wait_for()


def test_twenty_megabytes_arrive_and_too_many_are_said(page, tmp_path):
    large = tmp_path / "large.c3d"
    large.write_bytes(os.urandom(25_000_000))
    choose(page, large)
    page.locator(".grf-told", has_text="large.c3d (25.0 MB) is here").wait_for(timeout=60_000)
    with large.open("r+b") as file:
        file.truncate(MOST_BYTES + 1_000_000)
    choose(page, large)
    page.locator(".grf-told .grf-wrong", has_text="at most 100 MB here; this one has 101 MB").wait_for()
    large.write_bytes(bytes(1000))
    for _ in range(2):  # the same file once more is answered once more
        choose(page, large)
        page.locator(".grf-told", has_text="large.c3d (1.0 kB) is here").wait_for(timeout=60_000)


def test_the_page_is_accessible(page):
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=json.loads('["#rendered_cells"]')).response["violations"]
    assert [(rule["id"], [node["html"][:120] for node in rule["nodes"]][:3]) for rule in found] == []
