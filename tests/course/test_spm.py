"""Session 4 of the course: typical mistakes get the hint that names them; its noise, thresholds and studies."""

import numpy as np
import pytest
import spm1d
from helpers import ROOT, refused, solutions
from scipy import stats

from grfkit.course import spm as course_spm

RIGHT = solutions("4_spm")


def flips(differences, rng, n, alpha, *, size=None, largest=lambda t: np.abs(t).max()):
    size = size or (len(differences), 1)
    return np.quantile(
        [largest(course_spm._t_curves(rng.choice([-1, 1], size=size) * differences)) for _ in range(n)], 1 - alpha
    )


def runs(t, threshold, *, last=-1):
    edges = np.flatnonzero(np.diff(np.concatenate([[False], t > threshold, [False]])))
    return [(first, end + last) for first, end in edges.reshape(-1, 2)]


def width(r, *, axis=1):
    v = (np.gradient(r, axis=axis) ** 2).sum(axis=0) / (r**2).sum(axis=0)
    return np.sqrt(v)


def t_of(e, m, **options):
    d = e - m
    return d.mean(axis=0) / (d.std(axis=0, **options) / np.sqrt(len(d)))


def field(fwhm, nodes, df, p, *, first=1, resels=None, power=None):
    """Solve random field theory's equation on a grid of heights: another way than the check's."""
    u = np.linspace(0, 60, 600_001)
    resels = (nodes - 1) / fwhm if resels is None else resels
    density = np.sqrt(4 * np.log(2)) / (2 * np.pi) * (1 + u**2 / df) ** -((df - 1) / 2 if power is None else power)
    return u[np.argmax(first * stats.t.sf(u, df) + resels * density < p)]


MISTAKES = [
    ("time_normalise", lambda f, n: f, "as many samples as before"),
    ("time_normalise", lambda f, n: np.resize(f, n), "beginning of stance"),
    (
        "time_normalise",
        lambda f, n: np.interp(np.linspace(0, 1, n), np.linspace(0, 1, len(f)), f)[:, None],
        "without a second axis",
    ),
    ("time_normalise", lambda f, n: f[np.linspace(0, len(f) - 1, n).astype(int)], "sample before each node"),
    (
        "time_normalise",
        lambda f, n: np.interp(np.linspace(0, 1, n, endpoint=False), np.linspace(0, 1, len(f)), f),
        "last node",
    ),
    ("time_normalise", lambda f, n: np.interp(np.linspace(0, 1, 100), np.linspace(0, 1, len(f)), f), "second argument"),
    ("time_normalise", lambda f, n: np.interp(np.linspace(0, len(f), n), np.arange(len(f)), f), "beyond toe-off"),
    ("time_normalise", lambda f, n: np.interp(np.arange(n) / n * len(f), np.arange(len(f)), f), "numbered from 0"),
    ("time_normalise", lambda f, n: 9.81 * np.interp(np.linspace(0, 1, n), np.linspace(0, 1, len(f)), f), "9.81 times"),
    ("paired_t", lambda e, m: t_of(m, e, ddof=1), "sign is turned"),
    ("paired_t", lambda e, m: t_of(e, m), "a little too large"),
    ("paired_t", lambda e, m: t_of(e, m, ddof=1) * np.sqrt(1 - 1 / len(e)), "a little too small"),
    ("paired_t", lambda e, m: list(t_of(e, m, ddof=1)), "give an array"),
    ("time_normalise", lambda f, n: list(RIGHT.time_normalise(f, n)), "give an array"),
    ("paired_t", lambda e, m: t_of(e, m, ddof=1) / np.sqrt(len(e)), "In units of what"),
    ("paired_t", lambda e, m: stats.ttest_ind(e, m).statistic, "unpaired"),
    ("paired_t", lambda e, m: stats.ttest_rel(e, m, axis=1).statistic, "one t a runner"),
    ("paired_t", lambda e, m: stats.ttest_rel(e, m).pvalue, "p values"),
    ("false_alarms", lambda t, df, a: (np.abs(t) > stats.t.isf(a / 2, df)).mean(), "share of nodes"),
    ("false_alarms", lambda t, df, a: (np.abs(t) > stats.t.isf(a, df)).any(axis=1).mean(), "each tail"),
    ("false_alarms", lambda t, df, a: (t > stats.t.isf(a / 2, df)).any(axis=1).mean(), "Only positive t"),
    ("false_alarms", lambda t, df, a: (np.abs(t) > stats.norm.isf(a / 2)).any(axis=1).mean(), "normal distribution"),
    ("false_alarms", lambda t, df, a: (np.abs(t) > stats.t.isf(a / 2, df)).any(axis=1).sum(), "number of studies"),
    ("false_alarms", lambda t, df, a: (np.abs(t) > 2.131449545559323).any(axis=1).mean(), "always the same"),
    ("false_alarms", lambda t, df, a: (np.abs(t) > 2.13).any(axis=1).mean(), "always the same"),
    ("fwhm", lambda r: 1 / width(r).mean(), "constant there"),
    ("fwhm", lambda r: np.sqrt(2 * np.log(2)) / width(r).mean(), "look at the constant"),
    ("fwhm", lambda r: width(r).mean() / np.sqrt(4 * np.log(2)), "1 / FWHM"),
    ("fwhm", lambda r: np.sqrt(4 * np.log(2) / (width(r) ** 2).mean()), "Root and mean"),
    ("fwhm", lambda r: np.sqrt(4 * np.log(2)) / width(r, axis=0).mean(), "from curve to curve"),
    ("fwhm", lambda r: np.sqrt(4 * np.log(2)) / width(r), "a width for each node"),
    ("sign_flip_threshold", lambda d, g, n, a: flips(d, g, n, a, size=d.shape), "far too high"),
    ("sign_flip_threshold", lambda d, g, n, a: flips(d, g, n, a, largest=np.max), "too low"),
    ("sign_flip_threshold", lambda d, g, n, a: flips(d, g, n, a / 2), "how many tails"),
    ("sign_flip_threshold", lambda d, g, n, a: flips(d, g, n, a, largest=lambda t: abs(t[50])), "far too low"),
    ("sign_flip_threshold", lambda d, g, n, a: flips(d, g, n, 1 - a), "far too low"),
    ("sign_flip_threshold", lambda d, g, n, a: flips(d, np.random.default_rng(), n, a), "`rng` alone"),
    ("sign_flip_threshold", lambda d, g, n, a: flips(d, np.random.default_rng(1), n, a), "`rng` alone"),
    ("sign_flip_threshold", lambda d, g, n, a: flips(d, g, 1000, a), "flips is an argument"),
    (
        "sign_flip_threshold",
        lambda d, g, n, a: np.quantile(
            [np.abs(course_spm._t_curves(g.choice([-1, 1], size=(10, 1)) * d)) for _ in range(n)], 1 - a, axis=0
        ),
        "a threshold for each node",
    ),
    ("rft_threshold", lambda w, q, df, a: field(w, q, df, a), "each of two tails"),
    ("rft_threshold", lambda w, q, df, a: field(w, q + 1, df, a / 2), "one step too long"),
    ("rft_threshold", lambda w, q, df, a: field(w, q, df, a / 2, first=0), "first term"),
    ("rft_threshold", lambda w, q, df, a: field(w, q, df, a / 2, resels=w / (q - 1)), "turned over"),
    ("rft_threshold", lambda w, q, df, a: field(w, q, df, a / 2, power=(df + 1) / 2), "exponent"),
    ("rft_threshold", lambda w, q, df, a: stats.t.isf(a / 2, df), "single test"),
    ("rft_threshold", lambda w, q, df, a: stats.t.isf(a / 2 / q, df), "Bonferroni"),
    ("rft_threshold", lambda w, q, df, a: field(w, q, df, 0.025), "alpha is an argument"),
    ("clusters", runs, "t is negative"),
    ("clusters", lambda t, u: runs(np.abs(t), u, last=0), "one too far"),
    ("clusters", lambda t, u: [(100 / 99 * a, 100 / 99 * b) for a, b in runs(np.abs(t), u)], "not % of stance"),
    ("clusters", lambda t, u: [(np.flatnonzero(abs(t) > u)[0], np.flatnonzero(abs(t) > u)[-1])], "Two clusters"),
    ("clusters", lambda t, u: [(a, b) for a, b in runs(np.abs(t), u) if b < 99], "clusters are missing"),
    ("clusters", lambda t, u: [(a, b) for a, b in runs(np.abs(t), u) if b > a], "one node long"),
    ("clusters", lambda t, u: runs(np.abs(t), u) or [(0, 0)], "must be empty"),
    ("clusters", lambda t, u: np.flatnonzero(np.abs(t) > u), "pair (first node, last node)"),
]


@pytest.mark.parametrize(
    ("exercise", "answer", "hint"), MISTAKES, ids=[f"{name}-{hint[:20]}" for name, _, hint in MISTAKES]
)
def test_a_typical_mistake_gets_its_hint(exercise, answer, hint):
    assert hint in refused(getattr(course_spm, f"check_{exercise}"), answer)


def test_a_threshold_read_off_the_sorted_flips_passes():
    """Its place among few flips is rounded: it must not fall out of them."""

    def by_place(differences, rng, n, alpha):
        signs = rng.integers(0, 2, size=(n, len(differences), 1)) * 2 - 1
        largest = np.abs(course_spm._t_curves(signs * differences)).max(axis=1)
        return np.sort(largest)[round((1 - alpha) * n)]

    course_spm.check_sign_flip_threshold(by_place)


def test_thresholds_of_the_checks_are_those_of_random_field_theory():
    """spm1d's form of it, 1 - exp(-E) = alpha / 2, passes too; known: 3.93947 for spm1d's PlantarArchAngle."""
    course_spm.check_rft_threshold(lambda w, q, df, a: field(w, q, df, a / 2))
    course_spm.check_rft_threshold(lambda w, q, df, a: field(w, q, df, -np.log(1 - a / 2)))
    one, other = spm1d.data.uv1d.tpaired.PlantarArchAngle().get_data()
    fwhm = RIGHT.fwhm((one - other) - (one - other).mean(axis=0))
    assert RIGHT.rft_threshold(fwhm, 101, 9, -2 * np.log(0.975)) == pytest.approx(3.93947, abs=1e-5)


def test_smooth_noise_has_the_width_and_spread_asked_for():
    """Estimated by spm1d from 2,000 curves of four kernels' length at least: mean and SD are known to about 2 %."""
    rng = np.random.default_rng(0)
    for fwhm in (10, 25):
        noise = course_spm.smooth_noise(rng, 2000, fwhm=fwhm)
        assert noise.shape == (2000, 100) and noise.std() == pytest.approx(1, abs=0.06) and abs(noise.mean()) < 0.06
        assert spm1d.rft1d.geom.estimate_fwhm(noise) == pytest.approx(fwhm, rel=0.04)


def test_the_lecturers_guide_says_how_many_of_the_notebooks_studies_find_what_is_not_there():
    """The cell `many-picture`: seed 1, 1,000 studies of 16 curves, FWHM 15; the first twelve are drawn."""
    t = course_spm.noise_t(np.random.default_rng(1), 1000, 16, fwhm=15)
    found = np.abs(t).max(axis=1) > stats.t.isf(0.025, 15)
    guide = (ROOT / "course" / "LECTURER.md").read_text(encoding="utf-8")
    assert found[:12].sum() == 7 and "twelve studies without a difference; seven have a finding" in guide
    assert f"of 1,000 such studies {100 * found.mean():.0f} %" in guide


def test_studies_without_a_difference_keep_the_error_rate_by_runners_and_break_it_by_stances():
    """The nominal rate is 5 %; 200 studies have a standard error of 1.5 %."""
    rng = np.random.default_rng(1)
    runners = np.repeat(np.arange(12), 8)
    alike = course_spm.smooth_noise(rng, 12, fwhm=20)[runners] + 0.3 * course_spm.smooth_noise(rng, 96, fwhm=20)
    by_stances, by_runners = course_spm.null_studies(alike, runners, studies=200, seed=0)
    assert by_stances > 0.5 and by_runners < 0.11
    independent = course_spm.smooth_noise(rng, 40, fwhm=20)
    by_stances, by_runners = course_spm.null_studies(independent, np.arange(40), studies=100, seed=0)
    assert by_stances == by_runners < 0.15
