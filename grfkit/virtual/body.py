"""The body of a virtual runner: feet in stance and swing, two-segment legs, and a pelvis placed to fit the whole body.

In: the path of the centre of mass and the timing of the virtual steps. Out: the 11 points and the seven segments. The
mass-weighted sum of the segments is the centre of mass, to rounding. Axes AP, ML, V; m, s, kg, radians inside.
"""

import numpy as np
from scipy.interpolate import make_interp_spline

from grfkit.points import SEGMENTS

# shares of height: thigh, shank, foot, ankle after Winter 2009; the others are our choice (ankle_on: before the heel)
BODY = {
    "thigh": 0.245,
    "shank": 0.246,
    "foot": 0.152,
    "ankle": 0.039,
    "ankle_on": 0.04,
    "hip_half": 0.05,
    "pelvis_up": 0.02,
    "trunk_up": 0.17,
}
SOLE = 0.025  # m, heel and toe points above the ground
EXTENSION = 0.990  # longest hip-ankle distance over thigh + shank: our choice, about 16 degrees of knee flexion
GIVE = 0.01  # m, by which spine and arms let the trunk's centre sink in the middle of a contact: our choice
SETTLE_SHARE = 0.6  # the heel's downward speed at touchdown, as a share of the lower limb's: our choice
# our choice: share of swing; ankle before the centre of mass and above the ground (shares of height); pitch (degrees)
SWING = np.array(
    [
        (0.16, -0.290, 0.157, -80),
        (0.36, -0.215, 0.192, -76),
        (0.56, -0.040, 0.178, -42),
        (0.74, 0.095, 0.143, -8),
        (0.90, 0.148, 0.108, 10),
    ]
)


def segment_masses(runner):
    """Return the masses (7,) kg: trunk with head and arms; left thigh, shank, foot; right ones."""
    leg = [SEGMENTS[runner.sex][name][0] for name in ("thigh", "shank", "foot")]
    return runner.mass_kg * np.array([1 - 2 * sum(leg), *leg, *leg])


class Foot:
    """One foot of a trial: a rigid piece. Its state (4,) is the heel's position and the pitch (toes up positive)."""

    def __init__(self, runner, steps, side, heels):
        """Take a Runner, motion.Steps, a side (0 left, 1 right) and where the heel is planted, (STEPS, 2) m."""
        self.steps, self.rate_hz, self.heels, self.height = steps, steps.rate_hz, heels, runner.height_m
        self.length, self.outward = BODY["foot"] * runner.height_m, 1 - 2 * side
        self.mine = np.flatnonzero(steps.side == side)
        yaw = np.radians(steps.own["toe_out"][self.mine[0]]) * self.outward
        self.ahead = np.array([np.cos(yaw), np.sin(yaw), 0])
        self.ankle_at = np.array([BODY["ankle_on"] + 0.005, BODY["ankle"]]) * runner.height_m

    def frames(self, step):
        """Return touchdown, heel settled, foot flat, heel off and toe off of a step, in frames (not whole)."""
        start, count, own = self.steps.touchdown[step], self.steps.frames[step], self.steps.numbers(step)
        return start + np.array([0, own["limb_time"] * self.rate_hz, 0.24 * count, own["heel_off"] * count, count])

    def landing(self, step):
        """Return the state (4,) and its rate (4,) per second at touchdown."""
        own = self.steps.numbers(step)
        down = SETTLE_SHARE * own["limb_speed"]
        speed = down * np.array([own["slide_ahead"], -own["slide_in"] * self.outward, -1])
        _, settled, flat, _, _ = self.frames(step) - self.steps.touchdown[step]
        pitch, seconds = np.radians(own["strike"]), flat / self.rate_hz
        heel = np.array([*self.heels[step], SOLE]) - speed * settled / self.rate_hz / 2
        return np.array([*heel, pitch]), np.array([*speed, -1.6 * pitch / seconds])

    def stance(self, step, frame):
        """Return states (T, 4) at frames of a contact: the foot settles, is flat, then turns about the toe."""
        start, settled, flat, off, end = self.frames(step)
        own = self.steps.numbers(step)
        landed = np.clip((frame - start) / (settled - start), 0, 1)[:, None]
        speed = self.landing(step)[1][:3]
        at_rest = np.array([*self.heels[step], SOLE])
        heel = at_rest - speed * (settled - start) / self.rate_hz * (0.5 - landed + landed**3 - landed**4 / 2)
        down = np.clip((frame - start) / (flat - start), 0, 1)  # quintic: slope given, at rest at the end
        pitch = np.radians(own["strike"]) * (1 - 1.6 * down - 0.4 * down**3 + 2.2 * down**4 - 1.2 * down**5)
        rise = np.clip((frame - off) / (end - off), 0, 1)
        lift = -np.radians(own["toe_off"]) * (2.4 * rise**3 - 1.7 * rise**4 + 0.3 * rise**5)
        toe = at_rest + self.length * self.ahead
        turned = toe - self.length * self.along(lift)
        return np.column_stack([np.where(rise[:, None] > 0, turned, heel), pitch + lift])

    def along(self, pitch):
        """Return unit vectors (T, 3) from heel to toe."""
        return np.cos(pitch)[:, None] * self.ahead + np.sin(pitch)[:, None] * np.array([0, 0, 1])

    def leaving(self, step):
        """Return the state at toe-off and its first and second rates, (4,) each."""
        start, _, _, off, end = self.frames(step)
        frame = np.array([end])
        seconds, angle = (end - off) / self.rate_hz, -np.radians(self.steps.own["toe_off"][step])
        rate = 1.9 * angle / seconds  # the lift's slope at its end; its curvature there is 0
        across = -np.sin(angle) * self.ahead + np.cos(angle) * np.array([0, 0, 1])
        state = self.stance(step, frame)[0]
        return (
            state,
            np.array([*(-self.length * across * rate), rate]),
            np.array([*(self.length * self.along(np.array([angle]))[0] * rate**2), 0]),
        )

    def swing(self, step, after, frame, com):
        """Return states (T, 4) at frames between toe-off and the next touchdown: one quintic spline (C4)."""
        end = self.frames(step)[4]
        start = self.steps.touchdown[after]
        when = end + SWING[:, 0] * (start - end)
        way = com[np.round(when).astype(int)]
        pitch = np.radians(SWING[:, 3])
        ankle = np.column_stack(
            [
                way[:, 0] + SWING[:, 1] * self.height,
                self.midway(step, after, SWING[:, 0]),
                SWING[:, 2] * self.height * self.steps.own["swing_height"][step],
            ]
        )
        first, rate, curve = self.leaving(step)
        last, last_rate = self.landing(after)
        knots = np.vstack([first, np.column_stack([ankle - self.to_ankle(pitch), pitch]), last])
        times = np.array([end, *when, start]) / self.rate_hz
        spline = make_interp_spline(
            times, knots, k=5, bc_type=([(1, rate), (2, curve)], [(1, last_rate), (2, np.zeros(4))])
        )
        return spline(frame / self.rate_hz)

    def midway(self, step, after, share):
        """Return the ankle's lateral path (T,) m in swing: from one print to the next, a little inward (our choice)."""
        start, end = self.heels[step][1], self.heels[after][1]
        out = self.steps.own["swing_out"][step] - 0.015
        return start + (end - start) * share + self.outward * out * np.sin(np.pi * share)

    def to_ankle(self, pitch):
        """Return the vectors (T, 3) m from heel to ankle."""
        along = self.along(pitch)
        above = -np.sin(pitch)[:, None] * self.ahead + np.cos(pitch)[:, None] * np.array([0, 0, 1])
        return self.ankle_at[0] * along + self.ankle_at[1] * above

    def path(self, frame, com):
        """Return ankle, heel and toe (T, 3) m at increasing whole frames, and whether heel and toe rest (T, 2)."""
        state, planted = np.full((len(frame), 4), np.nan), np.zeros((len(frame), 2), bool)
        for step, after in zip(self.mine, [*self.mine[1:], None], strict=True):
            start, settled, flat, off, end = self.frames(step)
            inside = (frame >= start) & (frame <= end)
            state[inside] = self.stance(step, frame[inside])
            planted |= np.column_stack([(frame >= settled) & (frame <= off), (frame >= flat) & (frame <= end)])
            if after is not None:
                between = (frame > end) & (frame < self.steps.touchdown[after])
                state[between] = self.swing(step, after, frame[between], com)
        heel, pitch = state[:, :3], state[:, 3]
        return heel + self.to_ankle(pitch), heel, heel + self.length * self.along(pitch), planted


class Body:
    """Legs and trunk over given feet."""

    def __init__(self, runner, steps, feet, phase, sway):
        """Take ankle, heel and toe of the feet (2, T, 3 points, 3) m, the phase of running (T,) and the trunk's sway.

        The phase (radians) is 0 (modulo 2 pi) in the middle of left contacts and pi in the middle of right ones. The
        sway (T, 3) m moves the trunk's centre over the pelvis.
        """
        self.ankle, self.heel, self.toe = feet[:, :, 0], feet[:, :, 1], feet[:, :, 2]
        self.thigh, self.shank = BODY["thigh"] * runner.height_m, BODY["shank"] * runner.height_m
        self.share = segment_masses(runner) / runner.mass_kg
        self.centre_at = [SEGMENTS[runner.sex][name][1] for name in ("thigh", "shank", "foot")]
        height, out = runner.height_m, np.radians(steps.own["knee_out"][0])
        turn = -np.radians(steps.own["pelvis_turn"][0]) * np.sin(phase)
        drop = np.radians(steps.own["pelvis_drop"][0]) * np.cos(phase)
        left = np.stack([np.sin(turn) * np.cos(drop), np.cos(turn) * np.cos(drop), np.sin(drop)], axis=1)
        up = np.cross(np.stack([np.cos(turn), -np.sin(turn), 0 * turn], axis=1), left)
        aside, below = BODY["hip_half"] * height * left, BODY["pelvis_up"] * height * up
        self.hip_from_pelvis = np.stack([aside - below, -aside - below])
        rise = BODY["trunk_up"] * height - GIVE * np.cos(2 * phase)
        self.trunk_from_pelvis = np.stack([steps.own["lean"][0] + 0 * phase, 0 * phase, rise], axis=1) + sway
        self.knee_ahead = np.array([[np.cos(out), sign * np.sin(out), 0] for sign in (1, -1)])[:, None]

    def joints(self, pelvis):
        """Return hips and knees (2, T, 3) m for pelvis centres (T, 3) m by inverse kinematics; knees bend forward."""
        hip = pelvis + self.hip_from_pelvis
        reach = self.ankle - hip
        length = np.linalg.norm(reach, axis=-1, keepdims=True)
        down = reach / length
        ahead = self.knee_ahead - (self.knee_ahead * down).sum(axis=-1, keepdims=True) * down
        ahead /= np.linalg.norm(ahead, axis=-1, keepdims=True)
        along = (self.thigh**2 - self.shank**2 + length**2) / (2 * length)
        return hip, hip + along * down + np.sqrt(np.maximum(self.thigh**2 - along**2, 0)) * ahead

    def segments(self, pelvis):
        """Return the centres of mass (T, 7, 3) m of the segments."""
        hip, knee = self.joints(pelvis)
        thigh, shank, foot = (
            start + at * (end - start)
            for at, start, end in zip(self.centre_at, (hip, knee, self.heel), (knee, self.ankle, self.toe), strict=True)
        )
        legs = [part for side in (0, 1) for part in (thigh[side], shank[side], foot[side])]
        return np.stack([pelvis + self.trunk_from_pelvis, *legs], axis=1)

    def solve(self, com, *, rounds, start=None):
        """Find the pelvis centres (T, 3) m for which the mass-weighted sum of the segments is com (T, 3) m.

        The sum moves by about 0.84 of what the pelvis moves, so that each round leaves about a tenth of the error.
        """
        pelvis = com - self.trunk_from_pelvis / 2 if start is None else start
        for _ in range(rounds):
            pelvis = pelvis + (com - np.einsum("s,tsc->tc", self.share, self.segments(pelvis))) / 0.84
        return pelvis

    def extension(self, pelvis):
        """Return the largest hip-ankle distance over the leg's length."""
        hip = pelvis + self.hip_from_pelvis
        return np.linalg.norm(self.ankle - hip, axis=-1).max() / (self.thigh + self.shank)

    def points(self, pelvis):
        """Return the 11 points (T, 11, 3) m."""
        hip, knee = self.joints(pelvis)
        legs = [part[side] for side in (0, 1) for part in (hip, knee, self.ankle, self.heel, self.toe)]
        return np.stack([pelvis, *legs], axis=1)
