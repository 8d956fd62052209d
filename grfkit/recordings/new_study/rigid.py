"""Find the markers that lie on one segment of the body: their distances stay the same while it moves.

In: markers of running and static trials. Out: Shapes of files, and the markers of each segment with the reasons for
them. A label says where a marker should be; its distances show whether it is there.
"""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

MOST_FRAMES = 200  # that a shape is measured on, evenly over a file: our choice
# Half of the range from the 10th to the 90th percentile of a distance. In rbds and JA1 markers of one segment vary by
# .1 to 10 mm from each other, those of the next segment by 10 mm and more; a knee's marker by 8 mm and more from thigh
# and shank. Our choice lies between.
LOOSE_M = 0.015
MOVED_M = 0.03  # between the static trial and running: as max_residual_m of params/rbds.yaml
NEAR_M = (
    0.20  # a marker lies so far from the line between the joints at most, or from a spine of the pelvis: our choice
)
NEARLY_ALL = 0.95  # of the pairs of markers of somebody who stands: our choice, hands may move
LEAST = 3  # markers of a rigid body


@dataclass
class Shape:
    """The markers of one file: their median places (P, 3) m, their distances (P, P) m and how much those vary."""

    labels: list
    places: np.ndarray
    distances: np.ndarray
    spread: np.ndarray


@dataclass
class Segment:
    """The markers of a segment, and texts that say why these and why not others."""

    markers: list
    spread_m: float = float("nan")
    why: list = field(default_factory=list)  # for markers that no label names
    also: list = field(default_factory=list)  # such markers that would fit too, but are not needed
    out: dict = field(default_factory=dict)  # marker -> why it was left out


def measure(points, labels):
    """Measure the Shape of a file from its markers, {name: (F, 3) m}, in their order, under other labels."""
    if not points:
        return Shape([], np.empty((0, 3)), np.empty((0, 0)), np.empty((0, 0)))
    places = np.stack(list(points.values()), axis=1)
    frames = np.linspace(0, len(places) - 1, min(MOST_FRAMES, len(places))).round().astype(int)
    rows, columns = np.triu_indices(places.shape[1], 1)
    apart = np.linalg.norm(places[frames][:, rows] - places[frames][:, columns], axis=2)
    low, middle, high = (_percentile(apart, share) for share in (10, 50, 90))
    distances, spread = np.full((2, places.shape[1], places.shape[1]), np.nan)
    distances[rows, columns] = distances[columns, rows] = middle
    spread[rows, columns] = spread[columns, rows] = (high - low) / 2
    return Shape(list(labels), _percentile(places[frames], 50), distances, spread)


def stands(shape):
    """Tell whether nobody moves in a file: nearly all of its markers keep their distances."""
    pairs = shape.spread[np.isfinite(shape.spread)]
    return len(shape.labels) > LEAST and len(pairs) > 0 and bool(np.quantile(pairs, NEARLY_ALL) < LOOSE_M)


def _percentile(values, share):
    """Take a percentile over the first axis, without missing values; NaN where all are missing."""
    ordered, count = np.sort(values, axis=0), np.isfinite(values).sum(axis=0)  # NaN comes last
    place = np.maximum(count - 1, 0) * share / 100
    low, high = (np.take_along_axis(ordered, way(place).astype(int)[None], axis=0)[0] for way in (np.floor, np.ceil))
    return low + (high - low) * (place - np.floor(place))


@dataclass
class Together:
    """Medians over the running files of a study, for markers that most running files and static trials have."""

    labels: list
    spread: np.ndarray  # (P, P) m, while running
    change: np.ndarray  # (P, P) m, of the distance from the static trial to running; NaN where no file has one

    def loose(self, label, others):
        """Say how much the distances of a marker to others vary (m), the median; NaN without others."""
        columns = [self.labels.index(other) for other in others if other != label]
        values = self.spread[self.labels.index(label), columns]
        return float(np.median(values[np.isfinite(values)])) if np.isfinite(values).any() else float("nan")

    def moved(self, label, others):
        """Say how much the distances of a marker to others differ from the static trial (m), the median; else 0."""
        columns = [self.labels.index(other) for other in others if other != label]
        values = self.change[self.labels.index(label), columns]
        return float(np.median(values[np.isfinite(values)])) if np.isfinite(values).any() else 0.0


def together(running, statics, pairs):
    """Put the Shapes of running files and static trials together: Together.

    `running` and `statics` map a file to its Shape; `pairs` lists (running file, its static trial).
    """
    labels = [label for label in common(statics.values()) if label in set(common(running.values()))]
    spread = _median([_matrix(shape, shape.spread, labels) for shape in running.values()], len(labels))
    change = [
        np.abs(
            _matrix(running[file], running[file].distances, labels)
            - _matrix(statics[still], statics[still].distances, labels)
        )
        for file, still in pairs
    ]
    return Together(labels, spread, _median(change, len(labels)))


def common(shapes):
    """List the markers that more than half of some Shapes have."""
    shapes = list(shapes)
    seen = Counter(
        label
        for shape in shapes
        for label, place in zip(shape.labels, shape.places, strict=True)
        if np.isfinite(place).all()
    )
    return [label for label, count in seen.items() if count > len(shapes) / 2]


def _matrix(shape, values, labels):
    """Take the values (P, P) of a Shape in the order of `labels`; NaN for labels that it lacks."""
    result = np.full((len(labels), len(labels)), np.nan)
    there = [(row, shape.labels.index(label)) for row, label in enumerate(labels) if label in shape.labels]
    rows, columns = [row for row, _ in there], [column for _, column in there]
    result[np.ix_(rows, rows)] = values[np.ix_(columns, columns)]
    return result


def _median(matrices, size):
    """Take the median over files; NaN for a pair that no file has."""
    stacked = np.stack(matrices) if matrices else np.full((1, size, size), np.nan)
    return _percentile(stacked, 50)


def find_segments(seen, named, spare, unnamed):
    """Find the markers of each segment -> {segment: Segment}.

    `seen` is a Together. `named` maps each segment to the markers that labels put on it; a marker that moves with
    another segment, or does not keep its distances, is left out. If fewer than three are left, markers are added that
    lie there in the static trial and keep their distances (`unnamed`: {label: segment}), then markers of the joints
    (`spare`).
    """
    found = {name: _keep(name, labels, named, seen) for name, labels in named.items()}
    for name, segment in found.items():
        there = [label for label, place in unnamed.items() if place == name and label in seen.labels]
        unsure = (
            (there, "chosen by place and distances, not by label", np.inf),
            (spare[name], "from a joint, where the skin moves", LEAST),
        )
        for labels, why, most in unsure:
            if len(segment.markers) < LEAST:
                joined = _join(segment, name, labels, found, seen, most)
                segment.why += [f"{', '.join(joined)} {why}"] if joined else []
        segment.also = [
            label
            for label in there
            if label not in segment.markers and not _fault(label, name, segment.markers, named, seen)
        ]
        values = [seen.loose(label, segment.markers) for label in segment.markers]
        segment.spread_m = float(np.nanmax(values)) if np.isfinite(values).any() else float("nan")
    return found


def _keep(name, labels, named, seen):
    """Keep the markers of a segment that move with it -> a Segment; the one that fits least is left out first."""
    kept, out = [label for label in labels if label in seen.labels], {}
    while len(kept) > 1:
        faults = {label: fault for label in kept if (fault := _fault(label, name, kept, named, seen))}
        if not faults:
            break
        worst = max(faults, key=lambda label: np.nan_to_num(seen.loose(label, kept), nan=np.inf))
        out[worst] = faults[worst]
        kept.remove(worst)
    return Segment(kept, out=out)


def _fault(label, name, kept, named, seen):
    """Say why a marker does not move with a segment, or an empty text."""
    own = seen.loose(label, kept)
    others = {
        other: seen.loose(label, [each for each in labels if each in seen.labels])
        for other, labels in named.items()
        if other != name
    }
    others = {other: value for other, value in others.items() if np.isfinite(value)}
    nearest = min(others, key=others.get) if others else ""
    if nearest and others[nearest] < own:
        return f"it moves with {nearest}, not with {name}: its distances vary by {1000 * own:.0f} mm"
    if own > LOOSE_M:
        return f"its distances to {name} vary by {1000 * own:.0f} mm"
    moved = seen.moved(label, kept)
    if moved > MOVED_M:
        return f"its distances differ by {1000 * moved:.0f} mm from the static trial"
    return ""


def _join(segment, name, labels, found, seen, most):
    """Add markers to a segment until it has `most`, those that vary least first; returns the added ones."""
    others, joined = {other: each.markers for other, each in found.items()}, []
    while len(segment.markers) < most:
        left = [label for label in labels if label in seen.labels and label not in segment.markers]
        beside = segment.markers or left
        fits = {label: seen.loose(label, beside) for label in left if not _fault(label, name, beside, others, seen)}
        fits = {label: value for label, value in fits.items() if np.isfinite(value)}
        if not fits:
            break
        joined.append(min(fits, key=fits.get))
        segment.markers.append(joined[-1])
    return joined


def regions(shape, joints, spines):
    """Find by its place on which segment each marker of a static trial lies: {label: segment}.

    `joints` maps l_knee, l_ankle, l_heel, l_toe and so on to places (3,) m, `spines` lists those of the pelvis.
    """
    lines = {}
    for side in "lr":
        hip, knee, ankle, heel, toe = (joints[f"{side}_{name}"] for name in ("hip", "knee", "ankle", "heel", "toe"))
        lines |= {f"{side}_thigh": (hip, knee), f"{side}_shank": (knee, ankle), f"{side}_foot": (heel, toe)}
    result = {}
    for label, place in zip(shape.labels, shape.places, strict=True):
        distance = {name: _to_line(place, *ends) for name, ends in lines.items()}
        distance["pelvis"] = min(np.linalg.norm(place - spine) for spine in spines)
        nearest = min(distance, key=distance.get)
        if distance[nearest] <= NEAR_M:
            result[label] = nearest
    return result


def _to_line(place, first, last):
    """Measure the distance (m) of a place from the line between two others."""
    along = np.clip((place - first) @ (last - first) / ((last - first) @ (last - first)), 0, 1)
    return float(np.linalg.norm(place - first - along * (last - first)))
