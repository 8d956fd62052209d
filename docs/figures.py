"""Renew docs/figures.json from results in reports/, and write its figures into README and docs: `make figures`.

A page marks each figure by its name, between comments that a reader of the page does not see:

    The vertical force errs by <!--f rbds.physics.v-->.053 BW<!--/f-->.

What stands between them is replaced by the text of that name. A figure that no page marks is dropped. A figure whose
results are not in reports/ keeps its committed text, and the command names the results that are missing. A figure
without a function in figure_sources.py was measured by hand; its `from` says by which command.
"""

import argparse
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / "docs" / "figures.json"
PAGES = [ROOT / name for name in ("README.md", "README.zh-CN.md", "CONTRIBUTING.md")]
MARKED = re.compile(r"<!--f ([\w.]+)-->(.*?)<!--/f-->")


def pages():
    """List the pages that hold figures."""
    return [path for path in PAGES if path.exists()] + sorted((ROOT / "docs").glob("*.md"))


def renew(figures, reports):
    """Give the figures with those renewed whose results are in reports/, and the results that are missing."""
    import pandas as pd
    import yaml
    from figure_sources import RENEWED

    def read(path):
        if path.suffix == ".yaml":
            return yaml.safe_load(path.read_text(encoding="utf-8"))
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)

    renewed, missing = dict(figures), []
    for paths, function in RENEWED:
        files = {path: ROOT / path if path.startswith("params/") else reports / path for path in paths}
        absent = [path for path, file in files.items() if not file.is_file()]
        missing += [path for path in absent if path not in missing]
        if not absent:
            source = " ".join(path if path.startswith("params/") else f"reports/{path}" for path in paths)
            for name, text in function(*map(read, files.values())).items():
                renewed[name] = {"text": text, "from": source}
    return dict(sorted(renewed.items())), missing


def written(text, figures, page):
    """Give a page's text with each marked figure as it is in `figures`.

    Raises
    ------
    ValueError
        if the page marks a figure that `figures` does not have.
    """

    def replace(found):
        name = found[1]
        if name not in figures:
            raise ValueError(f"A marked figure is one of docs/figures.json; {page} marks {name}, which is not there.")
        return f"<!--f {name}-->{figures[name]['text']}<!--/f-->"

    return MARKED.sub(replace, text)


def main(arguments=None):
    """Renew the figures and write them into the pages; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", type=Path, default=ROOT / "reports", help="folder of the results")
    parser.add_argument("--check", action="store_true", help="change nothing; fail where a page is not up to date")
    options = parser.parse_args(arguments)
    figures, missing = json.loads(FILE.read_text(encoding="utf-8")), []
    if not options.check:
        figures, missing = renew(figures, options.reports)
    texts, shown = {}, set()
    for page in pages():
        before = page.read_text(encoding="utf-8")
        shown |= {name for name, _ in MARKED.findall(before)}
        try:
            after = written(before, figures, page.relative_to(ROOT))
        except ValueError as error:
            print(error, file=sys.stderr)
            return 1
        if after != before:
            texts[page] = after
    if options.check:
        for page in texts:
            print(f"{page.relative_to(ROOT)} does not show docs/figures.json: run `make figures`.", file=sys.stderr)
        return 1 if texts else 0
    figures = {name: figure for name, figure in figures.items() if name in shown}
    texts[FILE] = json.dumps(figures, indent=1, ensure_ascii=False) + "\n"
    for path, text in texts.items():
        path.with_name(f"{path.name}~").write_text(text, encoding="utf-8")
        path.with_name(f"{path.name}~").replace(path)
    for path in missing:
        print(f"kept as committed: the figures of reports/{path}, which is not there")
    print(f"written: {', '.join(str(path.relative_to(ROOT)) for path in texts)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
