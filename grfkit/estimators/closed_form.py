"""Two estimators of the vertical force in closed form: from contact time, flight time and the ankle, without training.

In: points, times, contact and flight. Out: the vertical force in body weights; anterior-posterior and medial-lateral
are NaN.

Over a step of steady running the vertical force carries the body's weight: its impulse is body weight x (contact +
flight). `sine` gives it the shape of half a sine (Morin et al. 2005, J Appl Biomech 21:167-180). `two_mass` splits it
into the impact of the lower limb and the rest (Clark, Ryan & Weyand 2017, J Exp Biol 220:247-258), as the virtual
laboratory does in its own code.
"""

from dataclasses import dataclass

import numpy as np

from grfkit.estimators.registry import Estimator
from grfkit.estimators.samples import rows_of_stances
from grfkit.points import COMPONENTS, GRAVITY, POINTS

KINDS = ("two_mass", "sine")
LIMB_SHARE = 0.08  # foot and shank, of body mass; the rest is .92: Clark 2017
PEAK_SHARE = 0.47  # of contact, when the rest's force peaks: stopping takes less time than push-off. Clark 2017


def sine(time_s, *, contact_s, flight_s):
    """Give the vertical force (T,) BW at times (T,) s after touchdown: half a sine.

    It is pi / 2 (flight / contact + 1) high (Morin 2005).
    """
    inside = (time_s > 0) & (time_s < contact_s)
    return np.pi / 2 * (flight_s / contact_s + 1) * np.sin(np.pi * time_s / contact_s) * inside


def two_mass(time_s, *, contact_s, flight_s, limb_speed, limb_time):
    """Give the vertical force (T,) BW at times (T,) s after touchdown: two raised cosines, each twice its mean high.

    The lower limb falls at `limb_speed` m/s at touchdown and rests `limb_time` s later: a mean force m1 (v / t + g)
    for twice that time. The rest of the step's impulse is spread over contact. Raises ValueError if the limb takes more
    than the whole impulse. Source: Clark 2017.
    """
    stop = min(limb_time, contact_s / 2)  # our choice: an ankle that sinks for longer ends its impact with contact
    limb = LIMB_SHARE * (limb_speed / stop / GRAVITY + 1) if stop else 0.0
    rest = (contact_s + flight_s - 2 * stop * limb) / contact_s
    if not rest > 0:
        raise ValueError(
            "The lower limb takes only a part of the step's impulse; an ankle that falls at "
            f"{limb_speed:.1f} m/s before a contact of {contact_s:.3f} s and a flight of {flight_s:.3f} s takes more "
            "than all of it. Points are in m, times in s: check the units."
        )
    impact = 2 * limb * raised_cosine(time_s, stop, 2 * stop) if stop else 0.0
    return impact + 2 * rest * raised_cosine(time_s, PEAK_SHARE * contact_s, contact_s)


def raised_cosine(time_s, peak_s, end_s):
    """Rise from 0 at 0 s to 1 at `peak_s` and fall to 0 at `end_s`, by half a cosine each; 0 elsewhere.

    The mean from 0 to `end_s` is a half.
    """
    inside = (time_s > 0) & (time_s < end_s)
    width = np.where(time_s < peak_s, peak_s, end_s - peak_s)
    return (1 + np.cos(np.pi * (time_s - peak_s) / width)) / 2 * inside


def limb_impact(ankle_m, time_s):
    """Read from the ankle's height (T,) m how fast it falls at touchdown, m/s, and how many s later it comes to rest.

    Its velocity is from central differences, linear between frames. An ankle that does not fall has no impact: 0, 0. If
    it never comes to rest, the time is infinite. Source: Clark 2017; we use the ankle joint's centre in place of their
    marker, our choice.
    """
    velocity = np.gradient(ankle_m, time_s)
    speed = -np.interp(0, time_s, velocity)
    if speed <= 0:
        return 0.0, 0.0
    rising = np.flatnonzero((time_s > 0) & (velocity >= 0))
    if not len(rising):
        return speed, np.inf
    before, after = rising[0] - 1, rising[0]
    share = velocity[before] / (velocity[before] - velocity[after])
    return speed, time_s[before] + share * (time_s[after] - time_s[before])


def estimate(kind, points, time_s, *, contact_s, flight_s, side):
    """Estimate the force (T, 3) BW of one stance by `kind`, two_mass or sine.

    AP and ML are NaN, V is 0 outside contact. Only two_mass reads the `points` (T, 11, 3) m, at times (T,) s after
    touchdown, with frames before it, and the leg's `side`. Raises ValueError for another kind, or for a stance without
    contact or flight time.
    """
    if kind not in KINDS:
        raise ValueError(f"A closed-form estimate is one of {', '.join(KINDS)}; found {kind!r}. Choose one of these.")
    if not (np.isfinite(flight_s) and contact_s > 0):
        raise ValueError(
            f"A closed-form estimate needs contact time and flight time; found {contact_s} s and {flight_s} s. After "
            "the last stance of a recording flight is unknown: use the runner's mean at that speed."
        )
    force = np.full((len(time_s), len(COMPONENTS)), np.nan)
    if kind == "sine":
        force[:, 2] = sine(time_s, contact_s=contact_s, flight_s=flight_s)
    else:
        speed, rest = limb_impact(points[:, POINTS.index(f"{side}_ankle"), 2], time_s)
        force[:, 2] = two_mass(time_s, contact_s=contact_s, flight_s=flight_s, limb_speed=speed, limb_time=rest)
    return force


@dataclass(frozen=True)
class ClosedForm(Estimator):
    """The estimator of this `kind`, two_mass or sine. Nothing is fitted."""

    kind: str

    @classmethod
    def fit(cls, training, recipe, best, **_):
        """Take the kind from the recipe."""
        return cls(recipe.estimator)

    def predict(self, samples):
        """Estimate the forces (N, 3) BW of Samples: AP and ML NaN, V 0 in the padding.

        A frame represents the interval around it: contact begins half an interval before its first frame, and contact
        and flight fill the step (our choice). Raises ValueError as `estimate` does.
        """
        times, estimated = samples.frames["time_s"].to_numpy(float), np.empty((len(samples.points), len(COMPONENTS)))
        stances = samples.stances
        for rows, side, flight_s in zip(rows_of_stances(samples), stances["side"], stances["flight_s"], strict=True):
            time, inside = times[rows], samples.inside[rows]
            interval = (time[-1] - time[0]) / (len(rows) - 1)
            estimated[rows] = estimate(
                self.kind,
                samples.points[rows],
                time - time[inside][0] + interval / 2,
                contact_s=interval * inside.sum(),
                flight_s=flight_s,
                side=side,
            )
        return estimated
