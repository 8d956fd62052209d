"""What several tests of study files share."""

import pytest
import yaml
from helpers import ROOT


@pytest.fixture
def edited(tmp_path):
    """Write params/virtual.yaml with a change, return its path."""

    def write(change):
        content = yaml.safe_load((ROOT / "params" / "virtual.yaml").read_text(encoding="utf-8"))
        change(content)
        path = tmp_path / "edited.yaml"
        path.write_text(yaml.safe_dump(content), encoding="utf-8")
        return path

    return write
