"""The physics of a virtual runner: the force of each virtual step, and the centre of mass that the forces move.

In: a runners.Runner and a style. Out: a Motion. The vertical force follows the two-mass model (Clark, Ryan & Weyand
2017, J Exp Biol 220:247). The impulse of a step balances gravity, flight is ballistic, and braking and propulsion
balance. Axes: AP forward, ML to the runner's left, V up; m, s, N, kg.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter1d

from grfkit.points import GRAVITY
from grfkit.virtual.body import BODY, EXTENSION, Body, Foot, segment_masses

STEPS = 6  # virtual steps of a trial; the third and fourth are for the plates, the first and last only bound a swing
HARMONICS = 6  # of the ripples that make each step different: our choice, up to 13 Hz
QUARTERS = 4  # of a step, in each of which the trunk's centre has a place of its own: our choice
LIMB_SHARE = 0.08  # of body mass, of the lower limb: Clark 2017
COARSE = 6  # frames: the pelvis is found for these first
ROUNDS = 13  # then for all, to rounding
# how far foot and shoe give to AP and ML force (m/BW), and the SD of the Gaussian that smooths it (s): fitted to how
# ankle and foot follow the force in rbds, at each frequency
SHEAR, SHEAR_S = -np.array([0.018, 0.020]), 0.012
AIM_M = 1.0  # m: the force of a step points to a place so far above the ground, about the centre of mass
LEAN_OF_FORCE = 0.6  # ML impulse over that of a line from the foot to the middle of the path, a metre up: our choice


@dataclass(frozen=True)
class Motion:
    """One trial before cameras and plates. Arrays over T frames at rate_hz; F = 2 feet, left and right."""

    rate_hz: int
    force: np.ndarray  # (F, T, 3) N, on the runner
    cop: np.ndarray  # (F, T, 3) m, centre of pressure; in flight it stays where it was
    points: np.ndarray  # (T, 11, 3) m, in the order of points.POINTS
    com: np.ndarray  # (T, 3) m, whole-body centre of mass
    segment_com: np.ndarray  # (T, 7, 3) m: trunk with head and arms; left thigh, shank, foot; right ones
    segment_mass: np.ndarray  # (7,) kg
    contacts: list  # (side, touchdown frame, toe-off frame) of each contact; of four the middle two are for the plates
    planted: np.ndarray  # (F, T, 2) bool: heel, toe at rest on the ground

    def moved(self, shift):
        """Return the Motion translated by a shift (3,) m."""
        return replace(self, **{name: getattr(self, name) + shift for name in ("cop", "points", "com", "segment_com")})


@dataclass(frozen=True)
class Steps:
    """The numbers of the virtual steps, (STEPS,) each or more of them, and their timing in frames."""

    side: np.ndarray  # 0 left, 1 right
    touchdown: np.ndarray
    frames: np.ndarray  # of contact
    own: dict  # name of STYLE: (STEPS,)
    speed: float
    width: float
    rate_hz: int
    ankle_on: float  # m, of the ankle before the heel

    def gained(self, name):
        """Return by how much a speed differs from that after the step before, (STEPS,) m/s."""
        return np.diff(self.own[name], prepend=0)

    def numbers(self, step):
        """Return the numbers of one step: {name of STYLE: number}."""
        return {name: value[step] for name, value in self.own.items()}


def time_steps(runner, style, first, rate_hz, *, plates=True):
    """Time the virtual steps of a trial. `first` is the side (0 left, 1 right) of the first step on the plates.

    Without `plates` to fit on, the steps of a slow runner may be short.
    """
    count = style["speed"].shape[1]
    side = (first + np.arange(count)) % 2  # the third step (2) is of side `first`
    own = {name: value[side, np.arange(count)] for name, value in style.items()}
    speed = own["speed"][0]
    # two steps fit on two plates and their neighbours on none
    shortest = 0.96 + BODY["foot"] * runner.height_m if plates else 0.0
    step_time = max(own["step_length"][0] + 0.25 * (runner.height_m - 1.7), shortest) / speed
    contact = own["contact"] * (runner.height_m / 1.7) ** 0.6 * (3.61 / speed) ** 0.6
    frames = np.round(contact * rate_hz).astype(int)
    middle = (step_time * np.arange(count) + own["timing"]) * rate_hz  # of contacts
    touchdown = np.round(middle - frames / 2).astype(int)
    width, ankle_on = own["step_width"][0], BODY["ankle_on"] * runner.height_m
    return Steps(side, touchdown - touchdown[0], frames, own, speed, width, rate_hz, ankle_on)


def vertical_force(steps, step, impulse):
    """Return the vertical force (T,) BW of a step by the two-mass model. Its sum over frames is the impulse (BW s).

    It is the sum of two raised cosines: the lower limb's follows from its speed at touchdown and the time in which it
    stops; the rest of the body has the remaining impulse.
    """
    own, rate_hz = steps.numbers(step), steps.rate_hz
    time = np.arange(steps.frames[step] + 1) / rate_hz
    stop = own["limb_time"]
    limb = impact_peak(own) / 2 * (1 - np.cos(np.pi * np.minimum(time / stop, 2)))
    peak = own["peak_time"] * time[-1]
    body = 1 + np.cos(np.pi * (time - peak) / np.where(time < peak, peak, time[-1] - peak))
    body[[0, -1]] = 0
    force = limb + body * (impulse - limb.sum() / rate_hz) / (body.sum() / rate_hz)
    force = force * (1 + ripple(own, "ripple_v", time / time[-1]))
    return force * impulse / (force.sum() / rate_hz)


def ripple(own, name, phase):
    """Return a ripple (T,), a share of the vertical force, at the phase (T,) of contact: a sum of cosines."""
    return sum(own[f"{name}_{k}"] * np.cos(np.pi * (k + 1) * phase) for k in range(HARMONICS))


def impact_peak(own):
    """Return the peak (BW) of the lower limb's raised cosine: twice its mean force, m1 (v / t + g) (Clark 2017)."""
    return 2 * LIMB_SHARE * (own["limb_speed"] / own["limb_time"] / GRAVITY + 1)


def horizontal_force(steps, step, impulse, vertical):
    """Return the AP and ML force (T, 2) BW of a step with a vertical force (T,) BW.

    The AP impulse only changes the runner's speed after the step before (`surge`, about a steady mean) to that after
    this one. The ML impulse does the same (`drift`) and also has a share of the vertical impulse (BW s) that follows
    from step width. The shapes are our choice: sums of sines, a spike while the lower limb stops, and ripples.
    """
    own, rate_hz = steps.numbers(step), steps.rate_hz
    phase = np.linspace(0, 1, steps.frames[step] + 1)
    turn = 2 * np.pi * phase
    hump = (1 - np.cos(turn)) / 2
    early = np.minimum(phase * steps.frames[step] / rate_hz / (2.6 * own["limb_time"]), 1)
    spike = impact_peak(own) * np.sin(2 * np.pi * early) * np.sin(np.pi * early) ** 2
    along = -(
        own["brake"] * np.sin(turn)
        + own["brake_sharp"] * np.sin(2 * turn)
        + own["brake_skew"] * (np.cos(turn) - np.cos(2 * turn))
        + own["brake_spike"] * spike
    )
    along += vertical * ripple(own, "ripple_ap", phase)
    along += hump * (steps.gained("surge")[step] / GRAVITY * rate_hz - along.sum()) / hump.sum()
    inward = 1 if steps.side[step] else -1
    across = hump * (1 + own["sway_skew"] * np.cos(np.pi * phase)) + own["sway_double"] * (1 - np.cos(2 * turn)) / 2
    total = LEAN_OF_FORCE * impulse * steps.width / 2 * rate_hz
    across = across / across.sum() * total - own["sway_spike"] * spike + vertical * ripple(own, "ripple_ml", phase)
    total += inward * steps.gained("drift")[step] / GRAVITY * rate_hz
    across += hump * (total - across.sum()) / hump.sum()
    return np.stack([along, inward * across], axis=1)


def foot_forces(runner, steps):
    """Return the forces (F, T, 3) N of all virtual steps, up to the last toe-off.

    The vertical impulse of a step carries body weight over its contact and half of each neighbouring flight, so that
    the runner neither rises nor sinks from step to step.
    """
    force = np.zeros((2, steps.touchdown[-1] + steps.frames[-1] + 1, 3))
    ends = steps.touchdown + steps.frames
    flights = np.concatenate([[0], steps.touchdown[1:] - ends[:-1], [0]])
    flights[0], flights[-1] = flights[1], flights[-2]
    step_time = np.diff(steps.touchdown).mean() / steps.rate_hz
    for step in range(len(ends)):
        weight_time = (steps.frames[step] + (flights[step] + flights[step + 1]) / 2) / steps.rate_hz
        rows = slice(steps.touchdown[step], ends[step] + 1)
        vertical = vertical_force(steps, step, weight_time)
        force[steps.side[step], rows, 2] = vertical
        force[steps.side[step], rows, :2] = horizontal_force(steps, step, step_time, vertical)
    return force * runner.mass_kg * GRAVITY


def integrate(acceleration, rate_hz, *, span, mean_velocity):
    """Integrate acceleration (T, 3; m/s2) twice to position (T, 3) m.

    Stoermer's rule, x[k+1] - 2 x[k] + x[k-1] = a[k] / rate^2, makes Newton's law hold exactly at each frame. The
    velocity at the start is chosen so that the mean over the first `span` frames is `mean_velocity` (3,) m/s.
    """
    advance = np.cumsum(acceleration, axis=0) / rate_hz**2
    drift = np.concatenate([np.zeros((1, 3)), np.cumsum(advance[:-1], axis=0)])
    frames = np.arange(len(acceleration))[:, None]
    return drift + frames * (np.asarray(mean_velocity) / rate_hz - drift[span] / span)


def foot_prints(steps, com):
    """Return where the heel is planted, (STEPS, 2) m: ahead of the centre of mass, half a step width aside of its path.

    The path is the centre of mass in the middle of each contact, without what a left and a right contact differ in. A
    runner who is to gain speed in a step plants the foot further behind, so that the force goes on pointing to a place
    AIM_M above the ground.
    """
    fall = GRAVITY * np.diff(steps.touchdown).mean() / steps.rate_hz  # m/s, that a step makes good
    path = steps.speed * steps.frames.mean() / steps.rate_hz
    ahead = com[steps.touchdown, 0] + steps.own["overstride"] * path - steps.ankle_on
    wander = com[np.minimum(steps.touchdown + steps.frames // 2, len(com) - 1), 1]
    for side in (0, 1):
        wander[steps.side == side] -= wander[steps.side == side].mean()
    prints = np.column_stack([ahead, np.where(steps.side == 0, 0.5, -0.5) * steps.width + wander])
    return prints - AIM_M * np.stack([steps.gained("surge"), steps.gained("drift")], axis=1) / fall


def pressure_path(steps, foot, prints, frames):
    """Return the centre of pressure (T, 3) m of one foot.

    It goes from the heel to the ball and from outside inwards, which is our choice. In flight it stays where it was.
    """
    along = np.concatenate([np.linspace(0, 1, steps.frames[step] + 1) for step in foot.mine])
    when = np.concatenate([steps.touchdown[step] + np.arange(steps.frames[step] + 1) for step in foot.mine])
    base = np.repeat(prints[foot.mine], steps.frames[foot.mine] + 1, axis=0)
    share = 0.15 + 0.68 * along**0.8 * (1.5 - 0.5 * along)
    place = base + share[:, None] * foot.length * foot.ahead[:2]
    place[:, 1] += 0.008 * foot.outward * np.cos(np.pi * along)
    x, y = (np.interp(frames, when, place[:, axis]) for axis in (0, 1))
    return np.column_stack([x, y, np.zeros(len(frames))])


def simulate(runner, style, *, first_side, rate_hz, plates=True):
    """Simulate one trial. Returns a Motion of whole contacts, all but the first and last, that begins at a touchdown.

    `style` is from `runners.draw_style`: STEPS virtual steps, of which four are whole contacts, or more; `first_side`
    (0 left, 1 right) is the side of the first contact on the plates.
    """
    steps = time_steps(runner, style, first_side, rate_hz, plates=plates)
    force = foot_forces(runner, steps)
    acceleration = force.sum(axis=0) / runner.mass_kg - [0, 0, GRAVITY]
    com = integrate(acceleration, rate_hz, span=steps.touchdown[-2], mean_velocity=[steps.speed, 0, 0])
    com[:, 1] -= com[: steps.touchdown[-2], 1].mean()
    kept = np.arange(steps.touchdown[1], steps.touchdown[-2] + steps.frames[-2] + 1)
    prints = foot_prints(steps, com)
    feet = [Foot(runner, steps, side, prints) for side in (0, 1)]
    paths = [foot.path(kept, com) for foot in feet]
    push = gaussian_filter1d(force[..., :2], SHEAR_S * rate_hz, axis=1)[:, kept] / runner.mass_kg / GRAVITY
    joints = np.stack([np.stack(path[:3], axis=1) for path in paths])
    joints[..., :2] += (SHEAR * push)[:, :, None]
    phase, sway = stride_phase(steps)(kept), trunk_sway(steps)(kept)
    body = Body(runner, steps, joints, phase, sway)
    com, pelvis = stand(Body(runner, steps, joints[:, ::COARSE], phase[::COARSE], sway[::COARSE]), com[kept])
    pelvis = body.solve(com, rounds=ROUNDS, start=pelvis)
    cop = np.stack([pressure_path(steps, foot, prints, kept) for foot in feet])
    starts = steps.touchdown - kept[0]
    contacts = [
        tuple(map(int, (steps.side[k], starts[k], starts[k] + steps.frames[k]))) for k in range(1, len(starts) - 1)
    ]
    return Motion(
        rate_hz=rate_hz,
        force=force[:, kept],
        cop=cop,
        points=body.points(pelvis),
        com=com,
        segment_com=body.segments(pelvis),
        segment_mass=segment_masses(runner),
        contacts=contacts,
        planted=np.stack([path[3] for path in paths]),
    )


def stride_phase(steps):
    """Return the phase of running (radians) as a smooth function of the frame.

    It is 0 (modulo 2 pi) in the middle of left contacts and pi in the middle of right ones.
    """
    return CubicSpline(steps.touchdown + steps.frames / 2, np.pi * (np.arange(len(steps.side)) + steps.side[0]))


def trunk_sway(steps):
    """Return how far the trunk's centre is from its place over the pelvis, a smooth function of the frame: (T, 3) m."""
    quarter = np.diff(steps.touchdown).mean() / QUARTERS
    frames = steps.touchdown[:, None] + quarter * np.arange(QUARTERS)
    places = [
        [steps.own[f"{name}_{k}"] for k in range(QUARTERS)] for name in ("trunk_ap", "trunk_ml", "trunk_v")
    ]  # 3 directions, QUARTERS, STEPS
    return CubicSpline(frames.ravel(), np.array(places).T.reshape(-1, 3))


def stand(body, com):
    """Raise or lower the centre of mass (T, 3) m until the most stretched leg is as long as EXTENSION allows.

    `body` holds every COARSE-th frame. Returns the centre of mass and a first guess of the pelvis, (T, 3) m each.
    """
    height, length = body.thigh / BODY["thigh"], body.thigh + body.shank
    com = com + [0, 0, 0.56 * height - com[:, 2].mean()]
    for _ in range(6):
        com = com - [0, 0, (body.extension(body.solve(com[::COARSE], rounds=5)) - EXTENSION) * length]
    coarse, frames = body.solve(com[::COARSE], rounds=8), np.arange(len(com))
    return com, com + CubicSpline(frames[::COARSE], coarse - com[::COARSE])(frames)
