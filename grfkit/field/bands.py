"""Calibrated uncertainty: errors of left-out runners -> a band around the estimates of a new runner.

Two kinds: within the laboratory that trained the model, and in a new laboratory. There the same band is wider by
factors that were measured in laboratories which trained nothing (Abroad).

In: residuals (estimated less measured, in the unit of the estimate), from evaluation.field.field_uncertainty. Out:
Bands, which field.estimate puts around each curve and feature. `level`, .90 in the studies, is set in the section
10_field. Axes: S stances, Q nodes, C components.
"""

from typing import NamedTuple

import numpy as np

# factors are 1 + MARGIN / number of laboratories times what those needed on average: our choice, since of three
# laboratories, in both directions, each pair needed .8 to 1.25 times what another had
MARGIN = 0.1
# times wider are the bands of unlike steps where too few were seen to tell: our choice, about what Hamner's steps at 2
# and 5 m/s needed by a model of rbds, which were seen when it was set
UNLIKE = 1.25
FEWEST_UNLIKE = 20  # unlike steps of a laboratory, from which they tell: our choice
# kinds of bands
WITHIN, NEW, UNKNOWN = "within", "new laboratory", "within, no other laboratory was tried"
SAME_S = 1e-6  # contact times that differ by a smaller share show no growth: our choice, far above rounding


class Bands(NamedTuple):
    """Half widths (Q, C) for a contact of one second, times the contact time in s to the `powers` (C,) for others.

    Powers are negative where short contacts have wider bands. A share `level` of samples lies within.
    """

    half_widths: np.ndarray
    powers: np.ndarray
    level: float

    def around(self, contact_s):
        """Give the half widths (S, Q, C) for stances with these contact times (S,) s."""
        return _growth(contact_s, self.powers)[:, None] * self.half_widths


class Abroad(NamedTuple):
    """What a model's errors were in laboratories that trained nothing: lists of three numbers, AP, ML, V.

    `in_range` and `unlike` are factors of bands, of steps that are in the training range and that are not; `nrmse_pct`
    and `rmse_bw` their mean errors, `home_nrmse_pct` and `home_rmse_bw` those of left-out runners at home by the same
    measure; `features_pct` {feature: by how many % it came out too high}. `laboratories` are names.
    """

    laboratories: list
    in_range: list
    unlike: list
    nrmse_pct: list
    rmse_bw: list
    home_nrmse_pct: list
    home_rmse_bw: list
    features_pct: dict

    def of_steps(self, unlike):
        """Give the factors (S, 3) of steps, from the texts (S,) of what is out of range, "" if nothing is."""
        are = np.array([text != "" for text in unlike], bool)
        return np.where(are[:, None], self.unlike, self.in_range)


def needed(sizes, runners, *, level):
    """Compute the factors (C,) by which bands must be wider to hold a share `level` of samples.

    `sizes` (S, Q, C) are errors in half widths of the band; each of `runners` (S,) counts the same.
    """
    weights = np.repeat(runner_weights(runners), sizes.shape[1]) / sizes.shape[1]
    flat = sizes.reshape(-1, sizes.shape[2])
    return np.quantile(flat, level - 1e-12, axis=0, weights=weights, method="inverted_cdf")


def factors(in_range, unlike):
    """Give the factors of a new laboratory from what left-out ones needed: (in range (C,), unlike (C,)).

    `in_range` (L, C) of L laboratories, `unlike` (L, C), NaN where a laboratory had too few such steps. Never below 1.
    """
    margin = 1 + MARGIN / len(in_range)
    ratios = np.where(np.isnan(unlike), UNLIKE, unlike / in_range).mean(axis=0)
    like = np.maximum(1.0, margin * np.mean(in_range, axis=0))
    return like, np.maximum(like, like * ratios)


def fit(residuals, contact_s, runners, *, level):
    """Calibrate Bands on left-out residuals (S, Q, C), with contact times (S,) s and names of `runners` (S,).

    Each runner counts the same, however many stances there are: the weighted quantile of split conformal prediction for
    people with repeated measurements (Lee, Barber & Willett 2023). We omit its extra mass at infinity, so that the
    coverage is `level` on average over runners, without a guarantee: our choice. Bands are wider for short contacts,
    whose forces are larger. With one width for all, the 90 % bands held 80 % of samples at 4.5 m/s and 96 % at 2.5 m/s.
    """
    weights = runner_weights(runners)
    powers = _powers(np.abs(residuals).mean(axis=1), contact_s, weights)
    relative = np.abs(residuals) / _growth(contact_s, powers)[:, None]
    just_below = level - 1e-12  # sums of weights are rounded
    widths = np.quantile(relative, just_below, axis=0, weights=weights, method="inverted_cdf")
    return Bands(widths, powers, level)


def covered(residuals, contact_s, runners, *, level):
    """Mark the left-out residuals (S, Q, C) that are within the band from all other runners: (S, Q, C) bool."""
    inside = np.empty(residuals.shape, bool)
    for runner in np.unique(runners):
        mine = runners == runner
        bands = fit(residuals[~mine], contact_s[~mine], runners[~mine], level=level)
        inside[mine] = np.abs(residuals[mine]) <= bands.around(contact_s[mine])
    return inside


def runner_weights(runners):
    """Weigh stances (S,) so that each runner counts the same; the weights (S,) add up to 1."""
    names, index, counts = np.unique(runners, return_inverse=True, return_counts=True)
    return 1 / (counts[index] * len(names))


def _powers(sizes, contact_s, weights):
    """Fit log size = a + power * log contact time by weighted least squares, for each component of sizes (S, C)."""
    centred = np.log(contact_s) - weights @ np.log(contact_s)
    logs = np.log(np.maximum(sizes, np.finfo(float).tiny))
    spread = weights @ centred**2
    return (weights * centred) @ logs / spread if spread > SAME_S**2 else np.zeros(sizes.shape[1])


def _growth(contact_s, powers):
    return np.asarray(contact_s)[:, None] ** powers
