"""Pages of HTML that need no network: images inside, formulas as MathML.

In: an executed notebook, or a template and its values. Out: the page as text. It adds no script; an animation brings
its own.
"""

import re
from base64 import b64decode
from functools import cache
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import jinja2

TEMPLATES = Path(__file__).with_name("templates")  # the one place that says where templates and style lie
STYLE = TEMPLATES / "report.css"
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="grfkit {kind}">
<title>{title}</title>
<style>
{style}</style>
</head>
<body class="{kind}">
<a class="skip" href="#content">Skip to the content</a>
<header>{header}</header>
<main id="content" tabindex="-1">
{body}
</main>
{footer}
</body>
</html>
"""
# a part of a page: text, then what the code under it shows, which a wide screen sets next to the text
CELLS = """{%- extends 'classic/base.html.j2' -%}
{%- block any_cell -%}
{%- set is_text = cell.cell_type == 'markdown' -%}
{%- if loop.first or is_text != (loop.previtem.cell_type == 'markdown') -%}
{{ '</div>' if not loop.first }}{{ '</div>' if is_text and not loop.first -}}
{{ '<div class="part">' if is_text or loop.first }}<div class="{{ 'prose' if is_text else 'shown' }}">
{%- endif -%}
{{ super() }}
{{- '</div></div>' if loop.last -}}
{%- endblock -%}
{%- block input -%}
{%- set tags = cell.metadata.tags or [] -%}
{%- set own = 'parameters of this study' if 'injected-parameters' in tags else 'code' -%}
{%- set name = 'values without a study, replaced below' if 'parameters' in tags else own -%}
<details{{ ' open class="exercise"' if cell.metadata.nbgrader }}><summary>{{ name }}</summary>{{ super() }}</details>
{%- endblock -%}
{%- block data_svg -%}
<img src="data:image/svg+xml;base64,{{ output.data['image/svg+xml'] | text_base64 }}"
 alt="{{ output.metadata.alt | escape_html }}">
{%- endblock -%}
{%- block data_html -%}
{{ super() | focusable }}
{%- endblock -%}"""
# what may be wider than a narrow screen is reached by the keyboard and has a name
SCROLLED = 'tabindex="0" role="group" aria-label="{}"'
WIDGET = "application/vnd.jupyter.widget-view+json"
BAR = re.compile(r"[^\n]*\[\d+:\d\d(?::\d\d)?[<,][^\]\n]*\]")  # tqdm's: ` 50%|##   | 1/2 [00:01<00:01,  1.2it/s]`
CELL_FILE = re.compile(r"\S*ipykernel_\d+[\\/]\d+\.py")
INSTALLED = re.compile(r"\S*[\\/](?=(?:site|dist)-packages[\\/])")
# a table of more rows is folded to its first ones; report.css says how many
MOST_ROWS, FIRST_ROWS = 12, 8  # our choice
WIDE_COLUMNS, WIDE_PIXELS = 8, 760  # from which on an output needs two thirds of a very wide screen: our choice
MARKUP = re.compile(r"[*_`#>|$]|!?\[|\]\([^)]*\)|<[^>]*>")


@cache
def _markdown_with_math():
    """Give nbconvert's Markdown and its renderer, with MathML where it leaves TeX to a script from the network."""
    from latex2mathml.converter import convert as mathml  # an estimate's page is without notebooks
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class Renderer(IPythonRenderer):
        def inline_math(self, body):
            return mathml(body)

        def block_math(self, body):
            return f'<span class="formula" {SCROLLED.format("formula")}>{mathml(body, display="block")}</span>'

        def latex_environment(self, name, body):
            return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")

        def table(self, text):
            return focusable(f'<div class="scroll"><table>\n{text}</table></div>\n')

    return MarkdownWithMath, Renderer


def markdown(source):
    """Return Markdown with TeX formulas as HTML with MathML."""
    with_math, renderer = _markdown_with_math()
    return with_math(renderer=renderer(escape=False, exclude_anchor_links=True)).render(source)


def page(title, body, *, header, footer="", kind="report"):
    """Return a whole page around `body`, the main part, its style inside; `kind` is report, study or studies.

    `header` holds a nav element, `footer` a footer element or nothing.
    """
    return PAGE.format(
        title=escape(title), style=STYLE.read_text(encoding="utf-8"), body=body, header=header, footer=footer, kind=kind
    )


def filled_page(title, kind, **values):
    """Return the page that the templates of a kind (study, studies or estimate) make of `values`."""
    loader = jinja2.FileSystemLoader(TEMPLATES, encoding="utf-8")
    templates = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    body, header = (templates.get_template(f"{kind}{part}.html.j2").render(values) for part in ("", "_nav"))
    return page(title, body, header=header, kind=kind)


def notebook_page(notebook, record):
    """Return an executed notebook as one page; `record` is its provenance (reports.run)."""
    from nbconvert import HTMLExporter

    clean_outputs(notebook)
    describe_images(notebook)
    mark_wide(notebook)
    exporter = HTMLExporter(
        raw_template=CELLS,
        filters={"markdown2html": markdown, "focusable": focusable},
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )
    body, _ = exporter.from_notebook_node(notebook)
    return page(
        f"{title(notebook) or 'Notebook'} - {record['notebook']}", body, header=_head(record), footer=_foot(record)
    )


def focusable(html):
    """Return a table in a div that the keyboard can scroll, without empty header cells; long column names may break.

    pandas leaves an empty header in the corner above the index, of which a screen reader makes a nameless column. A
    long table is folded.
    """
    if "<table" not in html:
        return html
    html = re.sub(r"<th([^>]*)>\s*</th>", r"<td\1></td>", html)
    html = re.sub(r"(?<=>)[^<>]*_[^<>]*(?=</th>)", lambda name: name[0].replace("_", "_<wbr>"), html)
    return _fold_control(html) + html.replace("<div ", f"<div {SCROLLED.format('table')} ", 1)


def _fold_control(html):
    """Return the control that folds the one table of `html`, "" where the table is short. Paper shows all rows."""
    rows = sum(body.count("<tr") for body in re.findall(r"(?s)<tbody.*?</tbody>", html))
    if html.count("<table") != 1 or rows <= MOST_ROWS:
        return ""
    closed = f'<span class="closed"> (the first {FIRST_ROWS} are shown)</span>'
    return f'<details class="fold"><summary>All {rows} rows{closed}</summary></details>'


def mark_wide(notebook):
    """Tag, in place, each cell whose output is a wide figure or a table of many columns."""
    for cell in notebook.cells:
        if any(map(_is_wide, cell.get("outputs", []))):
            cell.metadata["tags"] = [*cell.metadata.get("tags", []), "wide"]


def _is_wide(output):
    """Say whether an output needs most of a screen's width."""
    data = output.get("data", {})
    if "image/png" in data:
        width = int.from_bytes(b64decode(data["image/png"])[16:20])  # where a PNG says it
        return width > WIDE_PIXELS
    html = data.get("text/html", "")
    row = re.search(r"(?s)<tbody.*?</tr>", html)
    return "<img" in html or "image/svg+xml" in data or bool(row) and len(re.findall("<t[hd]", row[0])) >= WIDE_COLUMNS


def _head(record):
    above = ("../index.html", "All studies") if record["notebook"] == "bench" else ("index.html", "Index")
    return (
        f'<nav aria-label="Reports"><a href="{above[0]}">{above[1]}</a></nav> <span>{escape(record["notebook"])} · '
        f"{escape(record['study_file'])} · seed {record['seed']} · {record['duration_s']:.1f} s</span>"
    )


def _foot(record):
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    return (
        f"<footer><p>Started {record['started'][:19].replace('T', ' ')} UTC; commit {escape(record['commit'])}; "
        f"study file SHA-256 {record['study_sha256'][:12]}. {escape(versions)}.</p></footer>"
    )


def title(notebook):
    """Return the first heading of a notebook, None where there is none."""
    headings = (re.search(r"^# +(.+)$", cell.source, re.M) for cell in notebook.cells if cell.cell_type == "markdown")
    return next((found[1].strip() for found in headings if found), None)


def clean_outputs(notebook):
    """Remove, in place, what does not belong in a report: progress bars, widgets, paths of the machine.

    A widget that brings a page or a picture with it (widgets.Shown) leaves that.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for output in cell.outputs:
                if output.output_type == "stream":
                    output.text = clean_text(output.text)
                elif {"text/html", "image/png"} & set(output.get("data", {})):
                    output.data.pop(WIDGET, None)
            cell.outputs = [output for output in cell.outputs if _belongs(output)]


def _belongs(output):
    if output.output_type == "stream":
        return bool(output.text.strip())
    data = output.get("data", {})
    return WIDGET not in data and "application/javascript" not in data


def clean_text(text):
    """Return a terminal's text as it reads in the end: no progress bars, overwritten lines or paths of the machine."""
    lines = [line.rsplit("\r", 1)[-1] for line in text.replace("\r\n", "\n").replace("\x1b[A", "").split("\n")]
    text = BAR.sub("", "\n".join(lines))
    return INSTALLED.sub("", CELL_FILE.sub("cell", text)).replace(str(Path.home()), "~")


def describe_images(notebook):
    """Give, in place, each figure its alternative text: metadata `alt` of output or cell, else the caption before it.

    The caption is the last paragraph of the Markdown cell before the figure (our choice: the sentence that every code
    cell stands under says what is seen, so nobody types it twice).
    """
    caption = "Figure"
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            caption = _plain(cell.source.strip().split("\n\n")[-1]) or caption
        for output in cell.get("outputs", []):
            if not {"image/png", "image/jpeg", "image/svg+xml"} & set(output.get("data", {})):
                continue
            alt = output.metadata.get("alt") or cell.metadata.get("alt") or caption
            output.metadata["alt"] = alt
            for kind in ("image/png", "image/jpeg"):
                own = output.metadata.get(kind, {})
                output.metadata[kind] = {**own, "alt": own.get("alt") or alt}


def _plain(source):
    """Return one paragraph of Markdown without its marks, in one line."""
    return " ".join(MARKUP.sub("", source).split())


class _Loads(HTMLParser):
    """Collect what a browser would fetch from a network to show a page; a link that one may click is not."""

    def __init__(self):
        super().__init__()
        self.found, self.inside = [], ""

    def handle_starttag(self, tag, attributes):
        self.inside = tag if tag in ("script", "style") else ""
        for name, value in attributes:
            loads = name in ("src", "srcset", "poster", "data", "background") or (
                name in ("href", "xlink:href") and tag not in ("a", "area")
            )
            if loads and re.search(r"(^|[\s,])(https?:)?//", value or "", re.I) and not value.startswith("data:"):
                self.found.append(f'<{tag} {name}="{value}">')
            if name == "style":
                self._style(value or "")

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside == "style":
            self._style(data)
        elif self.inside == "script" and re.search(r"https?://", data):
            self.found.append(f"script: {data.strip()[:80]}")

    def _style(self, text):
        self.found += re.findall(r"@import[^;]*|url\(\s*['\"]?(?:https?:)?//[^)]*\)", text, re.I)


def needs_network(html):
    """Return what a page would load from the network (scripts, styles, images, frames), [] if nothing."""
    parser = _Loads()
    parser.feed(html)
    parser.close()
    return parser.found
