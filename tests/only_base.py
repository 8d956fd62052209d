"""Run `grfkit` as where only what the base of pyproject.toml brings is installed: every other package is not found.

    python tests/only_base.py estimate ...

Also asked by tests for the packages that the base brings.
"""

import re
import sys
import tomllib
from importlib import metadata
from importlib.abc import MetaPathFinder
from pathlib import Path

PROJECT = tomllib.loads((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def plain(requirement):
    """Name a package as registries compare names: of "psycopg[binary]>=3" psycopg."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def brought(requirements):
    """Name the packages of `requirements` and all that these need in turn, without their extras."""
    names, left = set(), [plain(each) for each in requirements]
    while left:
        if (name := left.pop()) not in names:
            names.add(name)
            try:
                needed = metadata.requires(name) or []
            except metadata.PackageNotFoundError:  # one for another system
                needed = []
            left += [plain(each) for each in needed if "extra ==" not in each]
    return names


class OnlyBase(MetaPathFinder):
    """Find no module of a package that the base does not bring."""

    def __init__(self):
        base = brought(PROJECT["dependencies"]) | {"grfkit"}
        owners = metadata.packages_distributions().items()
        self.absent = {module for module, names in owners if not {plain(name) for name in names} & base}

    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    sys.meta_path.insert(0, OnlyBase())
    from grfkit.cli import main

    sys.exit(main())
