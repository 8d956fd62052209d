"""One recording under several names: Theia3D's files by their names, copies by their forces and points."""

from pathlib import Path

import numpy as np
from helpers import preprocessing

from grfkit.recordings import trials, versions
from grfkit.recordings.read import load_trial

HZ = 1000


def test_find_unfiltered_takes_the_filtered_of_each_person_and_folder():
    names = ["a/pose_0", "a/pose_filt_0", "a/pose_1", "b/pose_0", "b/pose_filt_1", "c/Run_Pose_0", "c/run_pose_filt_0"]
    paths = [Path(f"{name}.c3d") for name in names]
    assert versions.find_unfiltered(paths) == {paths[0]: paths[1], paths[5]: paths[6]}


def test_find_persons_names_the_others_of_a_trial():
    paths = [Path(f"{name}.c3d") for name in ("a/pose_filt_0", "a/pose_filt_1", "a/run_0", "b/pose_filt_0", "b/pose_0")]
    assert versions.find_persons(paths) == {paths[0]: [paths[1]], paths[1]: [paths[0]]}


def stances(count, seed=0):
    """Stances as runners make them, each a little different, with 2 N of noise: times (T,) s, forces (T, 3) N."""
    rng = np.random.default_rng(seed)
    for length in rng.integers(220, 260, count):
        share = np.arange(length) / length
        shape = np.stack(
            [-300 * np.sin(2 * np.pi * share), 60 * np.sin(np.pi * share), 1600 * np.sin(np.pi * share)], 1
        )
        yield np.arange(length) / HZ, shape * rng.uniform(0.9, 1.1) + rng.normal(0, 2, shape.shape)


def test_equal_forces_counts_stances_of_two_files_whatever_their_zero_level_start_and_rounding():
    made = list(stances(40))
    marks = [versions.mark(*each) for each in made]
    files = [f"{number // 4}.c3d" for number in range(40)]
    assert not versions.equal_forces(files, marks) and not versions.equal_forces([], [])
    (time, force), (then, other) = made[8:10]
    copies = [
        versions.mark(time[7:] - 0.31, force[7:] + [0.4, -0.2, 3.0]),  # another zero level and threshold, cut before
        versions.mark(then, np.round(other / 0.3) * 0.3),  # 16 bits over 10 kN
    ]
    assert versions.equal_forces([*files, "new.c3d", "new.c3d"], [*marks, *copies]) == {("2.c3d", "new.c3d"): 2}
    assert not versions.equal_forces([*files, "2.c3d"], [*marks, copies[0]])  # a file is no copy of itself


def test_equal_forces_knows_nothing_by_a_force_without_shape():
    flat = versions.mark(np.arange(250) / HZ, np.full((250, 3), 1800.0))
    assert not versions.equal_forces(["a.c3d", "b.c3d"], [flat, flat])


def test_equal_points_finds_copies_other_filters_and_cuts_and_no_other_recording():
    rng = np.random.default_rng(0)
    times = np.arange(300) / 100

    def run(phase, frequency):
        angles = 2 * np.pi * frequency * times[:, None, None] + phase + rng.uniform(0, 6, (1, 11, 3))
        return 0.2 * np.sin(angles) + [3.5, 0, 1] * times[:, None, None]

    one, other = run(0, 1.4), run(0.2, 1.42)
    noisy = one + rng.normal(0, 0.001, one.shape) + [0.5, 0.2, 0]
    noisy[40:60, 3] = np.nan
    recordings = [(one, 100), (other, 100), (noisy, 100), (one, 120), (one[:-1], 100), (np.full_like(one, np.nan), 100)]
    recordings += [(np.round(one[20:130], 3), 100), (other[150:] + 1, 100)]
    assert versions.equal_points(recordings) == [(0, 2), (0, 4), (0, 6), (1, 7)]
    assert versions.equal_points([(one[:200], 100), (one[60:], 100)]) == [(0, 1)]
    assert not versions.equal_points([]) and not versions.equal_points([(one[:150], 100), (one[150:], 100)])


def test_equal_points_takes_no_stride_of_a_real_runner_for_another(rbds):
    settings = preprocessing("rbds")
    table = trials.read_trials(rbds, table="rbds")
    trial = next(table[table["file"] == "RBDS002/RBDS002runT35.c3d"].itertuples())
    recording, points = load_trial(trial, rbds, {}, settings)
    pieces = [(points[first : first + 150], recording.point_hz) for first in range(0, len(points) - 150, 150)]
    assert not versions.equal_points(pieces)
    pieces += [(points[310:440], recording.point_hz)]
    assert versions.equal_points(pieces) == [(2, len(pieces) - 1)]
