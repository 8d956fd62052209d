"""Pages: no network, no nameless columns, nothing for the eye alone, contrast in light and dark."""

import base64
import re

import jinja2
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from grfkit.reports import html as html_page


@pytest.mark.parametrize(
    "loads",
    [
        '<script src="https://a.org/x.js"></script>',
        '<link rel="stylesheet" href="//a.org/x.css">',
        '<img src="http://a.org/x.png">',
        '<iframe src="https://a.org"></iframe>',
        '<style>@import "x.css";</style>',
        '<p style="background: url(https://a.org/x)">',
        '<style>a { src: url("https://a.org/f.woff") }</style>',
        '<img srcset="a.png, https://a.org/b.png 2x">',
        '<svg><image href="https://a.org/x.png"/></svg>',
        '<script>import("https://a.org/x.js")</script>',
    ],
)
def test_needs_network_finds_what_a_browser_would_fetch(loads):
    assert len(html_page.needs_network(f"<html><body>{loads}</body></html>")) == 1


def test_needs_network_allows_links_and_embedded_images():
    html = (
        '<a href="https://doi.org/10.1">paper</a><img src="data:image/svg+xml;base64,PHN2Zz4//AAA==">'
        '<style>a { color: red }</style><math xmlns="http://www.w3.org/1998/Math/MathML"></math>'
        "<p>see https://a.org and @import</p>"
    )
    assert html_page.needs_network(html) == []


@pytest.mark.parametrize(
    "text, left",
    [
        ("\r  0%|          | 0/5 [00:00<?, ?it/s]\r100%|██████████| 5/5 [00:01<00:00,  9.9it/s]\n", ""),
        ("\r12it [00:03,  3.9it/s]", ""),
        ("folds 1\rfolds 2\rfolds 3\n", "folds 3"),
        ("one\r\ntwo\r\n", "one\ntwo"),
        (
            "\r 50%|█████     | 1/2 [00:00<00:00,  9.9it/s]/tmp/ipykernel_12/34.py:3: UserWarning: odd\n",
            "cell:3: UserWarning: odd",
        ),
        ("/a/b/lib/python3.11/site-packages/x/y.py:1: W", "site-packages/x/y.py:1: W"),
        ("[1, 2] 50%", "[1, 2] 50%"),
    ],
)
def test_clean_text_keeps_what_a_reader_needs(text, left):
    assert html_page.clean_text(text).strip() == left


def test_tables_and_formulas_of_a_notebook_are_reached_by_the_keyboard_and_have_no_nameless_column():
    pandas = html_page.focusable(f'<div class="output_html">{pd.DataFrame({"a": [1]})._repr_html_()}</div>')
    assert pandas.startswith('<div tabindex="0" role="group" aria-label="table" class="output_html">')
    assert "<th></th>" not in pandas and "<td></td>" in pandas and "<th>a</th>" in pandas
    assert html_page.focusable("<div>no table</div>") == "<div>no table</div>"
    long = html_page.focusable(pd.DataFrame({"touchdown_rmse_ms": ["a_b"]})._repr_html_())
    assert "<th>touchdown_<wbr>rmse_<wbr>ms</th>" in long and "<td>a_b</td>" in long
    html = html_page.markdown("| | b |\n|---|---|\n| 1 | 2 |\n\n$$x = 1$$\n")
    assert html.count('tabindex="0"') == 2 and "<th></th>" not in html and "<th>b</th>" in html


def test_a_table_of_more_than_twelve_rows_is_folded_and_a_short_one_is_not():
    tables = [pd.DataFrame({"a": range(rows)})._repr_html_() for rows in (12, 13)]
    short, long = (f'<div class="output_html">{table}</div>' for table in tables)
    assert "<details" not in html_page.focusable(short)
    folded = html_page.focusable(long)
    assert folded.startswith('<details class="fold"><summary>All 13 rows<span') and folded.count("<tr") == 14
    assert "</summary></details><div " in folded  # report.css folds the div that follows
    style = html_page.STYLE.read_text(encoding="utf-8")
    assert f"tr:nth-child(n + {html_page.FIRST_ROWS + 1})" in style
    assert "<details" not in html_page.focusable(f"<div>{long}{long}</div>")


def test_wide_outputs_are_tagged_for_the_layout():
    png = base64.b64encode(bytes(16) + (800).to_bytes(4) + bytes(4)).decode()
    small = base64.b64encode(bytes(16) + (600).to_bytes(4) + bytes(4)).decode()
    many = pd.DataFrame(0, index=[0], columns=list("abcdefgh"))._repr_html_()
    few = pd.DataFrame(0, index=[0], columns=list("ab"))._repr_html_()
    outputs = [{"image/png": png}, {"image/png": small}, {"text/html": many}, {"text/html": few}, {"text/plain": "x"}]
    cells = [new_code_cell("x", outputs=[new_output("display_data", data)]) for data in outputs]
    notebook = new_notebook(cells=cells)
    html_page.mark_wide(notebook)
    assert ["wide" in cell.metadata.get("tags", []) for cell in cells] == [True, False, True, False, False]


def test_text_and_what_its_code_shows_are_one_part_of_a_page():
    cells = [
        new_markdown_cell("# T"),
        new_code_cell("1"),
        new_code_cell("2"),
        new_markdown_cell("a"),
        new_markdown_cell("b"),
    ]
    record = {"notebook": "n", "study_file": "s", "seed": 1, "duration_s": 1.0, "versions": {}}
    record |= {"started": "2030-01-01T10:00:00", "commit": "abc", "study_sha256": "0" * 64}
    page = html_page.notebook_page(new_notebook(cells=cells), record)
    main = BeautifulSoup(page, "html.parser").find("main")
    parts = main.find_all("div", class_="part", recursive=False)
    inside = [
        [(side["class"][0], len(side.find_all(class_="cell"))) for side in part.find_all("div", recursive=False)]
        for part in parts
    ]
    assert inside == [[("prose", 1), ("shown", 2)], [("prose", 2)]]


def test_states_differ_in_shape_and_carry_their_word():
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(html_page.TEMPLATES), autoescape=True)
    light = templates.get_template("parts.html.j2").module.light
    page = "".join(light(word, True) for word in ("supported", "partly supported", "not supported", "not yet run"))
    shapes = re.findall(r"<svg.*?</svg>", page, re.S)
    assert len(set(shapes)) == 4 and re.findall(r"</svg>([^<]+)</span>", page) == [
        "Supported.",
        "Partly supported.",
        "Not supported.",
        "Not yet run.",
    ]


def luminance(colour):
    """Relative luminance of #rrggbb (WCAG 2.2)."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1])
def test_colours_have_the_contrast_that_wcag_asks_for_in_light_and_dark(scheme):
    block = re.findall(r":root \{(.*?)\}", html_page.STYLE.read_text(encoding="utf-8"), re.S)[scheme]
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", block))
    assert len(colours) == 12
    for ground in ("paper", "panel"):
        for name in set(colours) - {"paper", "panel", "line"}:
            dark, light = sorted((luminance(colours[name]), luminance(colours[ground])))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (name, ground)
