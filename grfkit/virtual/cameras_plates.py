"""What the virtual laboratory adds to a motion: cameras, plates, planted faults, and the C3D file.

Laboratory axes: X forward, Y to the runner's left, Z up. Three force plates of 0.9 m along X and 0.6 m along Y lie end to
end from X = 0. They are written as C3D type 3 (eight raw channels a plate, Kistler): plate axes are x = Y, y = X, z = -Z
(down), and the channels hold the force on the runner, so that `ezc3d` reads the vertical force back positive, as it does
from recordings of QTM.
"""

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
# rows: the eight channels; columns: plate-frame Fx, Fy, Fz, and moments Mx, My about the sensors' plane
CHANNELS = np.zeros((8, 6))
CHANNELS[:2, 0] = 0.5  # fx12, fx34
CHANNELS[2:4, 1] = 0.5  # fy14, fy23
CHANNELS[4:, 2] = 0.25  # fz1..4
CHANNELS[4:, 3] = np.array([1, 1, -1, -1]) / (4 * SENSOR_Y)
CHANNELS[4:, 4] = np.array([-1, 1, 1, -1]) / (4 * SENSOR_X)
CHANNELS[:2, 5] = np.array([-1, 1]) / (4 * SENSOR_Y)
CHANNELS[2:4, 5] = np.array([1, -1]) / (4 * SENSOR_X)


def plate_loads(force, centre):
    """Split the force under the feet (F, T, 3; N), at centres (F, T, 3; m), over the plates -> (PLATES, T, 6) N and N m.

    Returns force and moment about the laboratory's origin. A foot within FOOT_HALF_WIDTH of a long edge loads the plate
    with the part of its width that lies inside, at the middle of that part; off the plates it loads none.
    """
    x, y = centre[..., 0], centre[..., 1]
    low = np.clip(y - FOOT_HALF_WIDTH, 0, PLATE_WIDTH)
    high = np.clip(y + FOOT_HALF_WIDTH, 0, PLATE_WIDTH)
    seen = force * ((high - low) / (2 * FOOT_HALF_WIDTH))[..., None]
    at = np.stack([x, (low + high) / 2, np.zeros_like(x)], axis=-1)
    load = np.concatenate([seen, np.cross(at, seen)], axis=-1)
    index = np.floor(x / PLATE_LENGTH)
    return np.stack([np.where((index == plate)[..., None], load, 0).sum(axis=0) for plate in range(PLATES)])


def hold_force(loads, toeoff, held_n):
    """Let the plate of the contact that ends at frame `toeoff` go on reading a vertical force: changes loads (PLATES, T, 6)."""
    plate = int(np.argmax(loads[:, toeoff - 50 : toeoff, 2].sum(axis=1)))
    middle = np.array([(plate + 0.5) * PLATE_LENGTH, PLATE_WIDTH / 2, 0.0])
    loads[plate, toeoff:] += np.concatenate([[0, 0, held_n], np.cross(middle, [0, 0, held_n])])


def place_on_plates(motion, rng):
    """Choose the shift (3,) m by which the second and third contact lie on two plates, their neighbours on none."""
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
    """Change a shift sideways, so that the foot of a side (0 left, 1 right) lands half or wholly beside the plates.

    The other foot stays on them.
    """
    outward, prints = 1 - 2 * side, [_print(motion, contact, axis=1).mean() for contact in motion.contacts]
    own, other = (prints[1], prints[2]) if motion.contacts[1][0] == side else (prints[2], prints[1])
    most = max(0.005, min(0.08, abs(own - other) - FOOT_HALF_WIDTH - 0.01))
    edge = PLATE_WIDTH if side == 0 else 0.0
    return np.array([shift[0], edge + outward * rng.uniform(0, most) - own, 0])


def _print(motion, contact, axis=0):
    """Give heel and toe (2,) m along an axis in the middle of a contact (side, touchdown, toe-off)."""
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
    """Express laboratory vectors (T, 3) in plate axes (x = Y, y = X, z = -Z); its own inverse."""
    return vectors[:, [1, 0, 2]] * [1, 1, -1]


def disturb_channels(channels, rng, *, rate_hz, noise_n, drift_n, mixing):
    """Add white noise, slow drift and crosstalk to raw channels (8 * PLATES, T; N).

    noise_n is the SD of a plate's vertical force, drift_n the most that its offset gets to, mixing (8, 8) the crosstalk.
    Our choice of drift: an offset, a straight line (quartz leaks) and a slow wave, another one for each channel.
    """
    count, frames = channels.shape
    mixed = (mixing @ channels.reshape(PLATES, 8, frames)).reshape(count, frames)
    time = np.arange(frames) / rate_hz
    start, slope, wave, phase = rng.uniform(-1, 1, (4, count, 1))
    drift = drift_n / 12 * (start + slope * time / time[-1] + wave * np.sin(2 * np.pi * 0.3 * time + np.pi * phase))
    return mixed + drift + noise_n / 2 * rng.standard_normal(channels.shape)  # four channels add up


def film(points, rng, *, rate_hz, bias_m, jitter_m, cutoff_hz):
    """Track points (T, P, 3; m) as a markerless system: constant bias (P, 3), jitter, zero-lag low-pass of order 4."""
    tracked = points + bias_m + jitter_m * rng.standard_normal(points.shape)
    b, a = signal.butter(2, cutoff_hz, fs=rate_hz)
    return signal.filtfilt(b, a, tracked, axis=0)


def write_c3d(path, points, channels, *, camera_hz, plate_hz):
    """Write points (T, P, 3; m) and raw channels (8 * PLATES, T * plate_hz / camera_hz; N) to a C3D file.

    A point is NaN where it is lost. A lost point is written with residual -1; `ezc3d` reads it back as NaN.
    """
    c3d = ezc3d.c3d()
    lost = np.isnan(points).any(axis=-1)
    c3d["parameters"]["POINT"]["RATE"]["value"] = [float(camera_hz)]
    c3d["parameters"]["POINT"]["LABELS"]["value"] = list(POINTS)
    c3d["parameters"]["POINT"]["UNITS"]["value"] = ["mm"]
    c3d["data"]["points"] = np.concatenate([points.transpose(2, 1, 0) * 1000, np.ones((1, *lost.T.shape))])
    c3d["data"]["meta_points"]["residuals"] = np.where(lost.T, -1.0, 0.0)[None]
    c3d["parameters"]["ANALOG"]["RATE"]["value"] = [float(plate_hz)]
    names = ("fx12", "fx34", "fy14", "fy23", "fz1", "fz2", "fz3", "fz4")
    labels = [f"{name}_{plate + 1}" for plate in range(PLATES) for name in names]
    c3d["parameters"]["ANALOG"]["LABELS"]["value"] = labels
    c3d["parameters"]["ANALOG"]["UNITS"]["value"] = ["N"] * len(channels)
    c3d["data"]["analogs"] = channels[None]
    _describe_plates(c3d["parameters"]["FORCE_PLATFORM"])
    c3d.write(str(path))


def _describe_plates(group):
    """Fill the template's force-plate parameters; new ones (`add_parameter`) would not be read back."""
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
