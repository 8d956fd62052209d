"""The running direction, on paths made by hand."""

import numpy as np
import pytest

from grfkit.points import Excluded
from grfkit.recordings import orientation


@pytest.mark.parametrize(("degrees", "expected"), [(0, 0), (6, 0), (-8, 0), (30, 30), (90, 90), (183, 180), (-45, -45)])
def test_heading_takes_the_path_or_the_axis_it_nearly_follows(degrees, expected):
    ahead = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 0])
    points = np.zeros((60, 11, 3)) + np.linspace(0, 3, 60)[:, None, None] * ahead
    points[40:, :, 1] += 1.5  # a jump to another person is no path
    points[:3] = np.nan
    np.testing.assert_allclose(
        orientation.heading(points), [np.cos(np.radians(expected)), np.sin(np.radians(expected)), 0], atol=1e-9
    )
    for still in (np.zeros((60, 11, 3)), np.full((60, 11, 3), np.nan)):
        with pytest.raises(Excluded, match="the pelvis does not travel"):
            orientation.heading(still)
