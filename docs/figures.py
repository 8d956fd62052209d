"""Renew docs/figures.json from results in reports/, and write its figures into README and docs: `make figures`.

A page marks each figure by its name, between comments that a reader of the page does not see:

    The vertical force errs by <!--f rbds.physics.v-->.053 BW<!--/f-->.

What stands between them is replaced by the text of that name. A figure whose results are not in reports/ keeps its
committed text, and the command names the results that are missing. A figure without a function below was measured by
hand; its `from` says by which command.
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
RENEWED = []  # (the results that a function reads, the function): made by `of`


def of(*paths):
    """Register a function that gives {name: text} from the tables at these paths in reports/."""
    return lambda function: RENEWED.append((paths, function)) or function


def pages():
    """List the pages that hold figures."""
    return [path for path in PAGES if path.exists()] + sorted((ROOT / "docs").glob("*.md"))


def number(value, decimals):
    """Write a number as the project's tables do: without the zero before the point (.053)."""
    return re.sub(r"^(-?)0\.", r"\1.", f"{value:.{decimals}f}")


def numbers(values, decimals):
    """Write several numbers, with a blank between them."""
    return " ".join(number(value, decimals) for value in values)


def renew(figures, reports):
    """Give the figures with those renewed whose results are in reports/, and the results that are missing."""
    import pandas as pd

    def read(path):
        return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)

    renewed, missing = dict(figures), []
    for paths, function in RENEWED:
        absent = [path for path in paths if not (reports / path).is_file()]
        if absent:
            missing += absent
            continue
        for name, text in function(*(read(reports / path) for path in paths)).items():
            renewed[name] = {"text": text, "from": " ".join(f"reports/{path}" for path in paths)}
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
    texts = {}
    for page in pages():
        before = page.read_text(encoding="utf-8")
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
    texts[FILE] = json.dumps(figures, indent=1, ensure_ascii=False) + "\n"
    for path, text in texts.items():
        path.with_name(f"{path.name}~").write_text(text, encoding="utf-8")
        path.with_name(f"{path.name}~").replace(path)
    for path in missing:
        print(f"kept as committed: the figures of reports/{path}, which is not there")
    print(f"written: {', '.join(str(path.relative_to(ROOT)) for path in texts)}")
    return 0


# ---- what each figure is made of ------------------------------------------------------------------------------------

DIRECTIONS = ["AP", "ML", "V"]


if __name__ == "__main__":
    sys.exit(main())
