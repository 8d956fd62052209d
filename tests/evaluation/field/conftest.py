"""Six virtual runners, each left out by a model for the field."""

import pytest
from helpers import leave_each_out


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    return leave_each_out(tmp_path_factory.mktemp("lab"), seed=6, men=3, women=3)
