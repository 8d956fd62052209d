"""Kernel ridge regression from the motion of a whole stance to its force curves, with runners left out exactly.

In: stances with their inputs at equally spaced nodes (samples.curve_inputs) and their curves. Out: estimated curves.
Stances with similar motion have similar forces. One factorisation of all stances gives the estimates of each runner as
if that runner had not been there. It does the same for each pair of runners, so that the hyper-parameters for a runner
who is left out can be chosen on the others alone. With more than landmarks.MOST_EXACT stances, some of them represent
all, as landmarks. Arrays: S training stances (or landmarks), S' other stances, Q nodes, C components, G groups
(runners).
"""

from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
import pandas as pd
from scipy.linalg import LinAlgError, inv, solve
from tqdm import tqdm

from grfkit.estimators import codes, landmarks
from grfkit.estimators.kernel_matrix import INTERCEPT, SCALES, KernelMatrix, compare, lay_out, weigh
from grfkit.estimators.registry import Estimator
from grfkit.estimators.samples import curve_inputs, curve_targets, finish, spread
from grfkit.points import DIRECTIONS

PARTS = ("stance", "padding")


@dataclass(frozen=True)
class KernelRidge(Estimator):
    """A fitted kernel ridge regression: in each component, the mean of the candidates that were chosen for it.

    `inputs` {kind: (stance, padding)} are those of the training stances, `duals` {number of a candidate: (S, Q, C)}
    what each training stance is weighed with, `candidates` a list of hyper-parameters {name: value}, `chosen`
    (averaged, C) their numbers. `groups` (S,) names and `inverse` (S, S), or `sums` over all stances where these are
    landmarks, are there where a group can be left out of the training stances.
    """

    inputs: dict
    duals: dict
    candidates: list
    chosen: np.ndarray
    shape: str
    recipe: object = None
    groups: np.ndarray | None = None
    inverse: np.ndarray | None = field(default=None, repr=False)
    sums: landmarks.Landmarks | None = field(default=None, repr=False)
    coded: codes.Codes | None = field(default=None, repr=False)

    @classmethod
    def search(cls, training, recipe, *, seed, progress=True, **_):
        """Draw candidates and leave each training runner out by each of them.

        Returns (table as search.csv, best as best.yaml).
        """
        candidates, targets = draw_candidates(recipe.kernel, recipe.inputs, seed=seed), curve_targets(training)
        inputs, runners = curve_inputs(training, recipe.inputs), training.runners
        estimate = leaves_out(inputs, targets, runners, shape=recipe.kernel.shape)
        errors = np.stack(
            [
                _runner_errors(training, targets, estimate(candidate))
                for candidate in tqdm(candidates, desc="searching", unit="candidate", disable=not progress)
            ]
        )
        ranges = np.ptp(targets, axis=(0, 1))
        rows = [
            {"trial": number, "fold": fold, "state": "complete", **candidate, "error": float((error / ranges).mean())}
            | {f"rmse_{name.lower()}_bw": value for name, value in zip(DIRECTIONS, error, strict=True)}
            for number, candidate in enumerate(candidates)
            for fold, error in enumerate(errors[number])
        ]
        chosen = choose(errors.mean(axis=1), averaged=recipe.kernel.averaged)
        best = {"candidates": candidates, "chosen": {name: chosen[:, i].tolist() for i, name in enumerate(DIRECTIONS)}}
        return pd.DataFrame(rows), best

    @classmethod
    def fit(cls, training, recipe, best, **_):
        """Fit to training Samples by the candidates that `search` chose."""
        inputs, chosen = curve_inputs(training, recipe.inputs), [best["chosen"][name] for name in DIRECTIONS]
        fitted = cls.fit_curves(
            inputs, curve_targets(training), best["candidates"], np.stack(chosen, axis=1), shape=recipe.kernel.shape
        )
        return replace(fitted, recipe=recipe)

    @classmethod
    def fit_curves(cls, inputs, targets, candidates, chosen, *, shape):
        """Fit to curves `targets` (S, Q, C) of stances with these inputs, by the `chosen` (averaged, C) candidates."""
        used, duals = np.unique(chosen).tolist(), {}
        if len(targets) > landmarks.MOST_EXACT:
            index, groups = landmarks.draw(len(targets)), np.arange(len(targets))
            each = {n: cls.fit_landmarks(inputs, targets, groups, candidates[n], index, shape) for n in used}
            duals = {number: fitted.duals[0] for number, fitted in each.items()}
            return cls(each[used[0]].inputs, duals, candidates, chosen, shape)
        matrix = KernelMatrix(inputs, shape=shape)
        for number in used:
            candidate = candidates[number]
            _, dual, _ = solve_ridged(matrix.weighed(candidate), targets, candidate["noise"])
            duals[number] = dual.reshape(targets.shape)
        return cls(inputs, duals, candidates, chosen, shape)

    @classmethod
    def fit_groups(cls, inputs, targets, groups, candidate, *, shape):
        """Fit to curves `targets` (S, Q, C) by one candidate, so that any of the `groups` (S,) can be left out later.

        Leaving out is exact and needs no refit: the weights of all others follow from the one inverse. The training
        stances are held and fitted in half precision, .5 mm at 1 m, which halves their size. Computations are in double
        precision: in single precision, estimates of one stance differ by 1e-4 BW with the order in which a machine adds
        up. With more than landmarks.MOST_EXACT stances, it is fitted on landmarks.
        """
        if len(targets) > landmarks.MOST_EXACT:
            return cls.fit_landmarks(inputs, targets, groups, candidate, landmarks.draw(len(targets)), shape)
        inputs = landmarks.half(inputs)
        kernel = weigh(compare(inputs, lay_out(inputs), shape), candidate, shape)
        inverse, dual, _ = solve_ridged(kernel, targets, candidate["noise"])
        duals, chosen = {0: dual.reshape(targets.shape)}, np.zeros((1, targets.shape[2]), int)
        return cls(inputs, duals, [candidate], chosen, shape, groups=groups, inverse=inverse)

    @classmethod
    def fit_landmarks(cls, inputs, targets, groups, candidate, index, shape, *, coded=None, rank=None):
        """Fit as fit_groups does, with the stances of these indices as landmarks, held in half precision, or `coded`.

        With a `rank` the weights of each component are mixtures of that many curves, as codes.Codes store them.
        """
        own, owners = coded.inputs() if coded else landmarks.half(landmarks.take(inputs, index)), groups[index]
        sums = landmarks.Landmarks(inputs, targets, groups, own, owners, candidate, shape=shape, rank=rank)
        duals, chosen = {0: sums.dual().reshape(-1, *targets.shape[1:])}, np.zeros((1, targets.shape[2]), int)
        return cls(own, duals, [candidate], chosen, shape, groups=owners, sums=sums, coded=coded)

    @cached_property
    def training_rows(self):
        """The training stances, laid out once so that others can be compared with them."""
        return lay_out(self.inputs)

    @property
    def curve_shape(self):
        """Number of nodes and of components of a curve, (Q, C)."""
        return next(iter(self.duals.values())).shape[1:]

    def kernel(self, inputs):
        """Give the kernel matrix (S', S) of the only candidate, from other stances' inputs to the training stances."""
        (candidate,) = self.candidates
        return weigh(compare(inputs, self.training_rows, self.shape), candidate, self.shape)

    def estimate_from(self, kernel, group=None, *, candidate=0):
        """Estimate curves (S', Q, C) from a kernel matrix (S', S), by all training stances but those of `group`."""
        dual = self.duals[candidate].reshape(kernel.shape[1], -1)
        if group is not None:
            mine = np.flatnonzero(self._is(group))
            dual = self.sums.dual(group) if self.sums else dual_without(self.inverse, dual, mine)
        return (kernel @ dual).reshape(-1, *self.curve_shape)

    def estimate(self, inputs, group=None):
        """Estimate curves (S', Q, C) from other stances' inputs, by all training stances but those of `group`."""
        matrix = KernelMatrix(inputs, self.training_rows, shape=self.shape)
        estimates = {
            number: self.estimate_from(matrix.weighed(self.candidates[number]), group, candidate=number)
            for number in self.duals
        }
        means = [
            np.mean([estimates[number][..., component] for number in numbers], axis=0)
            for component, numbers in enumerate(self.chosen.T.tolist())
        ]
        return np.stack(means, axis=-1)

    def nearest(self, kernel, group=None):
        """Give the squared distance (S',), in scales, to the nearest training stance not of `group`; Gaussian shape."""
        others = np.full(kernel.shape[1], True) if group is None else ~self._is(group)
        return -2 * np.log(np.maximum(kernel[:, others].max(axis=1) - INTERCEPT, np.finfo(float).tiny))

    def predict(self, samples):
        """Estimate the forces (N, 3) BW of Samples."""
        return finish(samples, spread(samples, self.estimate(curve_inputs(samples, self.recipe.inputs))), self.recipe)

    def describe(self):
        """Give what it consists of: arrays {name: array}, and a description that JSON can hold; `restore` inverts it.

        Weights stay in double precision: single precision changes forces by 4e-4 BW with 4,600 training stances. The
        arrays for leaving a group out are not saved. Without a recipe there is one candidate, and the description says
        which kinds of input it needs.
        """
        if self.coded:
            arrays, said = self.coded.describe()
            said = {"candidate": self.candidates[0], "shape": self.shape, "codes": said}
            return arrays | codes.mix(self.duals[0], self.sums.rank), said
        arrays = {
            f"{kind}/{part}": array
            for kind, pair in self.inputs.items()
            for part, array in zip(PARTS, pair, strict=True)
        }
        if self.recipe is None:
            said = {"curve": list(self.curve_shape), "kinds": list(self.inputs)}
            dual = self.duals[0].reshape(len(self.duals[0]), -1)
            return arrays | {"dual": dual}, {"candidate": self.candidates[0], "shape": self.shape} | said
        duals = {f"dual/{number}": dual[..., _used(self.chosen, number)] for number, dual in self.duals.items()}
        said = {"candidates": self.candidates, "chosen": self.chosen.tolist(), "shape": self.shape}
        return arrays | duals, said

    @classmethod
    def restore(cls, arrays, description, recipe=None):
        """Invert describe, exactly, or to rounding if stances are coded. No group can be left out of the result."""
        if "codes" in description:
            coded, dual = codes.restore(arrays, description["codes"]), codes.unmix(arrays)
            chosen = np.zeros((1, dual.shape[2]), int)
            return cls(coded.inputs(), {0: dual}, [description["candidate"]], chosen, description["shape"])
        kinds = recipe.inputs if recipe else description["kinds"]
        inputs = {kind: tuple(arrays[f"{kind}/{part}"] for part in PARTS) for kind in kinds}
        if recipe is None:
            dual = arrays["dual"].reshape(-1, *description["curve"])
            chosen = np.zeros((1, description["curve"][1]), int)
            return cls(inputs, {0: dual}, [description["candidate"]], chosen, description["shape"])
        chosen, duals = np.array(description["chosen"]), {}
        for number in np.unique(chosen).tolist():
            kept = arrays[f"dual/{number}"]
            duals[number] = np.zeros((*kept.shape[:2], chosen.shape[1]))
            duals[number][..., _used(chosen, number)] = kept
        return cls(inputs, duals, description["candidates"], chosen, description["shape"], recipe)

    @classmethod
    def leave_runners_out(cls, samples, recipe, *, seed, progress=True, **_):
        """Estimate each runner from all others, candidates chosen on those others alone; returns (N, 3) BW.

        With one candidate nothing is chosen. Raises ValueError for several candidates on landmarks: pairs of runners
        can be left out of exact fits only.
        """
        inputs = curve_inputs(samples, recipe.inputs)
        candidates = draw_candidates(recipe.kernel, recipe.inputs, seed=seed)
        targets, groups, shape = curve_targets(samples), samples.runners, recipe.kernel.shape
        if len(candidates) == 1:
            curves = leaves_out(inputs, targets, groups, shape=shape)(candidates[0])
        elif len(targets) > landmarks.MOST_EXACT:
            raise ValueError(
                f"Several candidates are compared on up to {landmarks.MOST_EXACT:,} stances; found {len(candidates)} "
                f"for {len(targets):,} stances. Set `candidates: 1` in the recipe: the middle of its limits is used."
            )
        else:
            known, choice = (targets, groups, candidates, samples.at_study_speed), {"averaged": recipe.kernel.averaged}
            curves = leave_out_and_choose(KernelMatrix(inputs, shape=shape), *known, **choice, progress=progress)
        return finish(samples, spread(samples, curves), recipe)

    def _is(self, group):
        """Mark the training stances (S,) of a group."""
        if self.groups is None:
            raise ValueError(
                f"A group can be left out of a model that was fitted with groups; {group!r} cannot be left out here: a "
                "model that was loaded does not know who trained it. Fit it again with fit_groups."
            )
        return self.groups == group


def leaves_out(inputs, targets, groups, *, shape):
    """Give a function from a candidate to estimates (S, Q, C) of the targets of each group from all others.

    It is exact, or beyond landmarks.MOST_EXACT stances on landmarks.
    """
    if len(targets) > landmarks.MOST_EXACT:
        return partial(landmarks.leave_groups_out, inputs, targets, groups, shape=shape)
    return partial(leave_groups_out, KernelMatrix(inputs, shape=shape), targets, groups)


def draw_candidates(kernel, kinds, *, seed):
    """Draw candidates for the hyper-parameters between their limits, evenly in the logarithm: a list of {name: value}.

    `kernel` is a recipes.Kernel. They are drawn at once, not searched step by step, so that the choice of candidates
    depends on no error. A single candidate is not drawn: it is the middle of the limits.
    """
    if kernel.candidates == 1:
        return [middle_candidate(kernel, kinds)]
    rng, names = np.random.default_rng(seed), [*(SCALES[kind] for kind in kinds), "noise"]
    drawn = [
        {name: float(np.exp(rng.uniform(*np.log(getattr(kernel, name))))) for name in names}
        for _ in range(kernel.candidates)
    ]
    return [candidate | {"edges": float(rng.uniform(*kernel.edges))} for candidate in drawn]


def middle_candidate(kernel, kinds):
    """Give the candidate in the middle of the limits, for fits in which nothing is chosen."""
    names = [*(SCALES[kind] for kind in kinds), "noise"]
    middle = {name: float(np.sqrt(np.prod(getattr(kernel, name)))) for name in names}
    return middle | {"edges": float(np.mean(kernel.edges))}


def choose(errors, *, averaged):
    """Choose for each component the candidates (averaged, C) with the least error; `errors` (candidates, ..., C)."""
    return np.argsort(errors, axis=0, kind="stable")[:averaged]


def leave_groups_out(matrix, targets, groups, candidate):
    """Estimate the targets (S, Q, C) of each group from all others, by one candidate; returns (S, Q, C).

    `matrix` is the KernelMatrix of all stances. Exact, not a refit: with A the inverse of the ridged kernel matrix,
    the residuals of a group g are A_gg^-1 (A Y)_g.
    """
    inverse, dual, flat = solve_ridged(matrix.weighed(candidate), targets, candidate["noise"])
    estimated = flat.copy()
    for group in _members(groups):
        estimated[group] -= _residuals(inverse, dual, group)
    return estimated.reshape(targets.shape)


def leave_pairs_out(matrix, targets, groups, candidate, scored):
    """Estimate as leave_groups_out does, and give the errors of each group when another one is left out too.

    Returns estimates (S, Q, C) and errors (G, G, C): errors[h, g] is the root mean square error of group g (of its
    stances marked in `scored` (S,)) without group h; NaN where h is g. Groups are in sorted order.
    """
    inverse, dual, flat = solve_ridged(matrix.weighed(candidate), targets, candidate["noise"])
    members, estimated = _members(groups), flat.copy()
    errors = np.full((len(members), len(members), targets.shape[2]), np.nan)
    for h, mine in enumerate(members):
        estimated[mine] -= _residuals(inverse, dual, mine)
        for g, theirs in enumerate(members[:h]):
            both = _residuals(inverse, dual, np.concatenate([mine, theirs])).reshape(-1, *targets.shape[1:])
            errors[g, h], errors[h, g] = (
                np.sqrt(np.mean(part[scored[index]] ** 2, axis=(0, 1)))
                for part, index in ((both[: len(mine)], mine), (both[len(mine) :], theirs))
            )
    return estimated.reshape(targets.shape), errors


def leave_out_and_choose(matrix, targets, groups, candidates, scored, *, averaged, progress=False):
    """Estimate each group from all others, its candidates chosen for each component on the others alone; (S, Q, C).

    The `averaged` candidates with the least error over the other groups, each left out in turn, are averaged.
    """
    tried = [
        leave_pairs_out(matrix, targets, groups, candidate, scored)
        for candidate in tqdm(candidates, desc="leaving out", unit="candidate", disable=not progress)
    ]
    estimates = np.stack([estimated for estimated, _ in tried])
    errors = np.stack([np.sqrt(np.nanmean(pairs**2, axis=1)) for _, pairs in tried])
    chosen = choose(errors, averaged=averaged)  # (averaged, G, C)
    mean = np.empty_like(targets, dtype=float)
    for g, mine in enumerate(_members(groups)):
        for c in range(targets.shape[2]):
            mean[mine, :, c] = estimates[chosen[:, g, c], ..., c][:, mine].mean(axis=0)
    return mean


def estimate_from_some(kernel, targets, candidate, training, tested):
    """Estimate the curves of some stances (indices) from those of others; `kernel` (S, S) is that of all stances."""
    ridged = kernel[np.ix_(training, training)]
    ridged[np.diag_indices_from(ridged)] += candidate["noise"]
    measured = targets[training].reshape(len(training), -1)
    dual = solve(ridged, measured, assume_a="pos", check_finite=False, overwrite_a=True)
    return (kernel[np.ix_(tested, training)] @ dual).reshape(len(tested), *targets.shape[1:])


def solve_ridged(kernel, targets, noise):
    """Invert a kernel matrix (S, S) with its ridge: the inverse (S, S), inverse @ targets (S, Q * C), the flat targets.

    The matrix is overwritten, and made symmetric: single precision leaves it not quite symmetric, and a left-out
    group's own targets would not quite cancel. Raises ValueError if the ridge is lost in rounding.
    """
    kernel += kernel.T
    kernel /= 2
    kernel[np.diag_indices_from(kernel)] += noise
    try:
        inverse = inv(kernel, assume_a="pos", overwrite_a=True, check_finite=False)
    except LinAlgError as error:
        raise ValueError(
            f"A ridge keeps the kernel matrix positive definite; a noise of {noise:.1e} is lost in rounding. "
            "Raise the limits of `noise` in the recipe."
        ) from error
    flat = targets.reshape(len(targets), -1).astype(float)
    return inverse, inverse @ flat, flat


def dual_without(inverse, dual, group):
    """Give the weights (S, n) as if the stances with these indices were not there; theirs are zero.

    Exact, without a refit: with A the inverse of the ridged kernel matrix, A Y - A_:g A_gg^-1 (A Y)_g.
    """
    rest = dual - inverse[:, group] @ _residuals(inverse, dual, group)
    rest[group] = 0  # it is, up to rounding
    return rest


def _residuals(inverse, dual, group):
    return solve(inverse[np.ix_(group, group)], dual[group], assume_a="pos", check_finite=False)


def _members(groups):
    """List the indices of each group's stances."""
    return [np.flatnonzero(groups == group) for group in np.unique(groups)]


def _used(chosen, number):
    """Mark the components (C,) that a candidate was chosen for; its weights for the others are not needed."""
    return (chosen == number).any(axis=0)


def _runner_errors(samples, targets, estimated):
    """Give the root mean square error (runners, C) BW of each runner's stances at the study's speed."""
    squared, ours, runners = ((estimated - targets) ** 2).mean(axis=1), samples.at_study_speed, samples.runners
    return np.stack([np.sqrt(squared[ours & (runners == runner)].mean(axis=0)) for runner in np.unique(runners[ours])])
