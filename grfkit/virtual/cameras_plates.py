"""The recording of a virtual runner: cameras, force plates and the C3D file.

In: a motion.Motion. Out: points with the cameras' errors, raw channels of the plates, a C3D file.

Laboratory axes: X forward, Y to the runner's left, Z up. Three force plates, 0.9 m along X and 0.6 m along Y, lie end
to end from X = 0. The file says C3D type 3 (Kistler: eight raw channels a plate). Plate axes are x = Y, y = X, z = -Z
(down). The channels hold the force on the runner: `ezc3d` then reads a positive vertical force, as from files of QTM.
"""

from dataclasses import dataclass

import ezc3d
import numpy as np
from scipy import signal

from grfkit.points import POINTS

PLATE_LENGTH = 0.9  # m, along X: Kistler 9287C
PLATE_WIDTH = 0.6  # m, along Y
PLATES = 3
SENSOR_X, SENSOR_Y, SENSOR_DEPTH = 0.21, 0.35, -0.052  # m, Kistler's a, b and az0 for the 9287C
ROOM = 0.02  # m from a plate's short edges to heel and toe, our choice
FOOT_HALF_WIDTH = 0.045  # m, our choice: how gradually a foot leaves the plate's long edge
JITTER_HZ = (
    8.0  # jitter of accelerations is white above it, as the pelvis' in rbds; jitter of positions is white below it
)
# rows: the eight channels; columns: plate-frame Fx, Fy, Fz, and moments Mx, My about the sensors' plane
CHANNELS = np.zeros((8, 6))
CHANNELS[:2, 0] = 0.5  # fx12, fx34
CHANNELS[2:4, 1] = 0.5  # fy14, fy23
CHANNELS[4:, 2] = 0.25  # fz1..4
CHANNELS[4:, 3] = np.array([1, 1, -1, -1]) / (4 * SENSOR_Y)
CHANNELS[4:, 4] = np.array([-1, 1, 1, -1]) / (4 * SENSOR_X)
CHANNELS[:2, 5] = np.array([-1, 1]) / (4 * SENSOR_Y)
CHANNELS[2:4, 5] = np.array([1, -1]) / (4 * SENSOR_X)


@dataclass(frozen=True)
class Cameras:
    """Markerless cameras: constant bias (P, 3) m, jitter (SD of a component) and a zero-lag low-pass of order 4."""

    rate_hz: int
    bias_m: np.ndarray
    jitter_m: float
    cutoff_hz: float

    def film(self, points, rng):
        """Return points (T, P, 3) m as these cameras track them."""
        tracked = points + self.bias_m + self.jitter_m * self.jitter(points.shape, rng)
        b, a = signal.butter(2, self.cutoff_hz, fs=self.rate_hz)
        return signal.filtfilt(b, a, tracked, axis=0)

    def jitter(self, shape, rng):
        """Draw jitter (T, P, 3) of SD 1; its spectrum falls above JITTER_HZ: neighbouring frames have like errors."""
        sos = signal.butter(2, JITTER_HZ, fs=self.rate_hz, output="sos")
        second = self.rate_hz  # frames after which the filter has forgotten its start
        size = np.linalg.norm(signal.sosfilt(sos, np.eye(1, second)[0]))
        white = rng.standard_normal((second + shape[0], *shape[1:]))
        return signal.sosfilt(sos, white, axis=0)[second:] / size


@dataclass(frozen=True)
class Plates:
    """The amplifiers of the force plates: white noise, drift and crosstalk.

    noise_n is the SD of a plate's vertical force, drift_n the largest offset of it, mixing (8, 8) the crosstalk between
    the raw channels of a plate.
    """

    rate_hz: int
    noise_n: float
    drift_n: float
    mixing: np.ndarray

    def disturb(self, channels, rng):
        """Return raw channels (8 * PLATES, T) N with crosstalk, drift and noise.

        Our choice of drift, new for each channel: an offset, a straight line (quartz leaks) and a slow wave.
        """
        count, frames = channels.shape
        mixed = (self.mixing @ channels.reshape(PLATES, 8, frames)).reshape(count, frames)
        time = np.arange(frames) / self.rate_hz
        start, slope, wave, phase = rng.uniform(-1, 1, (4, count, 1))
        shape = start + slope * time / time[-1] + wave * np.sin(2 * np.pi * 0.3 * time + np.pi * phase)
        noise = self.noise_n / 2 * rng.standard_normal(channels.shape)  # four channels add up
        return mixed + self.drift_n / 12 * shape + noise


def plate_loads(force, cop):
    """Split the force under the feet (F, T, 3; N), at centres of pressure (F, T, 3; m), over the plates.

    Returns force and moment about the laboratory's origin, (PLATES, T, 6) N and N m. A foot within FOOT_HALF_WIDTH of a
    long edge loads the plate with the part of its width that is inside, at the middle of that part. A foot off the
    plates loads none.
    """
    x, y = cop[..., 0], cop[..., 1]
    low = np.clip(y - FOOT_HALF_WIDTH, 0, PLATE_WIDTH)
    high = np.clip(y + FOOT_HALF_WIDTH, 0, PLATE_WIDTH)
    seen = force * ((high - low) / (2 * FOOT_HALF_WIDTH))[..., None]
    at = np.stack([x, (low + high) / 2, np.zeros_like(x)], axis=-1)
    load = np.concatenate([seen, np.cross(at, seen)], axis=-1)
    index = np.floor(x / PLATE_LENGTH)
    return np.stack([np.where((index == plate)[..., None], load, 0).sum(axis=0) for plate in range(PLATES)])


def hold_force(loads, toeoff, held_n):
    """Add a vertical force to loads (PLATES, T, 6) in place, from toe-off on, on the plate of that contact."""
    plate = int(np.argmax(loads[:, toeoff - 50 : toeoff, 2].sum(axis=1)))
    middle = np.array([(plate + 0.5) * PLATE_LENGTH, PLATE_WIDTH / 2, 0.0])
    loads[plate, toeoff:] += np.concatenate([[0, 0, held_n], np.cross(middle, [0, 0, held_n])])


def place_on_plates(motion, rng):
    """Choose a shift (3,) m that puts the second and third contact on two plates, and their neighbours on none."""
    feet = np.array([_print(motion, contact) for contact in motion.contacts])  # (4, 2): heel and toe
    shifts = np.arange(0, PLATES * PLATE_LENGTH, 0.005) - feet[1, 0]
    heel, toe = (feet[:, end, None] + shifts for end in (0, 1))
    plate = np.floor(heel[1:3] / PLATE_LENGTH)
    inside = np.minimum(heel[1:3] - plate * PLATE_LENGTH, (plate + 1) * PLATE_LENGTH - toe[1:3]).min(axis=0)
    room = np.minimum(inside, np.minimum(-toe[0], heel[3] - PLATES * PLATE_LENGTH))
    room = np.minimum(room, PLATES * PLATE_LENGTH - toe[2])
    fits = np.flatnonzero(room >= min(ROOM, room.max()))
    return np.array([shifts[rng.choice(fits)], PLATE_WIDTH / 2 + 0.03 * rng.normal(), 0])


def beside_plates(motion, shift, side, rng):
    """Change a shift (3,) m so that the foot of a side (0 left, 1 right) lands half or wholly beside the plates.

    The other foot stays on them.
    """
    outward, prints = 1 - 2 * side, [_print(motion, contact, axis=1).mean() for contact in motion.contacts]
    own, other = (prints[1], prints[2]) if motion.contacts[1][0] == side else (prints[2], prints[1])
    most = max(0.005, min(0.08, abs(own - other) - FOOT_HALF_WIDTH - 0.01))
    edge = PLATE_WIDTH if side == 0 else 0.0
    return np.array([shift[0], edge + outward * rng.uniform(0, most) - own, 0])


def _print(motion, contact, axis=0):
    """Return heel and toe (2,) m along an axis in the middle of a contact (side, touchdown, toe-off)."""
    side, touchdown, toeoff = contact
    return motion.points[(touchdown + toeoff) // 2, [5 * side + 4, 5 * side + 5], axis]


def raw_channels(loads):
    """Turn plate loads (PLATES, T, 6; N, N m about the laboratory's origin) into raw channels (8 * PLATES, T) N."""
    channels = []
    for plate, load in enumerate(loads):
        sensors = np.array([(plate + 0.5) * PLATE_LENGTH, PLATE_WIDTH / 2, SENSOR_DEPTH])
        force, moment = load[:, :3], load[:, 3:] - np.cross(sensors, load[:, :3])
        channels.append(CHANNELS @ np.concatenate([to_plate(force), to_plate(moment)], axis=1).T)
    return np.concatenate(channels)


def to_plate(vectors):
    """Turn laboratory vectors (T, 3) into plate axes (x = Y, y = X, z = -Z), or back."""
    return vectors[:, [1, 0, 2]] * [1, 1, -1]


def write_c3d(path, points, channels, *, camera_hz, plate_hz):
    """Write points (T, P, 3; m) and raw channels (8 * PLATES, T * plate_hz / camera_hz; N) to a C3D file.

    A lost point is NaN. The file gives it the residual -1, and `ezc3d` reads it back as NaN.
    """
    c3d = c3d_of_points(points, camera_hz)
    c3d["parameters"]["ANALOG"]["RATE"]["value"] = [float(plate_hz)]
    names = ("fx12", "fx34", "fy14", "fy23", "fz1", "fz2", "fz3", "fz4")
    labels = [f"{name}_{plate + 1}" for plate in range(PLATES) for name in names]
    c3d["parameters"]["ANALOG"]["LABELS"]["value"] = labels
    c3d["parameters"]["ANALOG"]["UNITS"]["value"] = ["N"] * len(channels)
    c3d["data"]["analogs"] = channels[None]
    _describe_plates(c3d["parameters"]["FORCE_PLATFORM"])
    c3d.write(str(path))


def c3d_of_points(points, camera_hz):
    """Return an ezc3d.c3d of points (T, P, 3; m) under the names of points.POINTS, to be written; lost ones are NaN."""
    c3d = ezc3d.c3d()
    lost = np.isnan(points).any(axis=-1)
    c3d["parameters"]["POINT"]["RATE"]["value"] = [float(camera_hz)]
    c3d["parameters"]["POINT"]["LABELS"]["value"] = list(POINTS)
    c3d["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    c3d["data"]["points"] = np.concatenate([points.transpose(2, 1, 0) * 1000, np.ones((1, *lost.T.shape))])
    c3d["data"]["meta_points"]["residuals"] = np.where(lost.T, -1.0, 0.0)[None]
    return c3d


def _describe_plates(group):
    """Fill ezc3d's template of force-plate parameters: new ones (`add_parameter`) would not be read back."""
    left, right = PLATE_WIDTH, 0.0
    corners = np.zeros((3, 4, PLATES))
    for plate in range(PLATES):
        near, far = plate * PLATE_LENGTH, (plate + 1) * PLATE_LENGTH
        corners[:, :, plate] = np.array([[far, left, 0], [far, right, 0], [near, right, 0], [near, left, 0]]).T * 1000
    group["USED"]["value"] = [PLATES]
    group["TYPE"]["value"] = [3] * PLATES
    group["ZERO"]["value"] = [0, 0]  # no baseline is subtracted by the reader
    group["CORNERS"]["value"] = corners
    group["ORIGIN"]["value"] = np.tile(np.array([[SENSOR_X], [SENSOR_Y], [SENSOR_DEPTH]]) * 1000, (1, PLATES))
    group["CHANNEL"]["value"] = np.arange(1, 8 * PLATES + 1).reshape(PLATES, 8).T
    group["CAL_MATRIX"]["value"] = np.zeros((6, 6, PLATES))
