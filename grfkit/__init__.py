"""grfkit: ground reaction force curves of running from lower-body points (after Zhou et al. 2025)."""

POINTS = ["pelvis", *(f"{side}_{joint}" for side in "lr" for joint in ("hip", "knee", "ankle", "heel", "toe"))]
COMPONENTS = ["ap", "ml", "v"]  # positive forward, to the runner's left, up
INPUTS = [f"{point}_{component}" for point in POINTS for component in COMPONENTS]
FORCES = [f"grf_{component}" for component in COMPONENTS]
ESTIMATES = [f"est_{component}" for component in COMPONENTS]
DIRECTIONS = ["AP", "ML", "V"]
DIRECTION_NAMES = {"AP": "anterior-posterior", "ML": "medial-lateral", "V": "vertical"}
GRAVITY = 9.81  # m/s2

__version__ = "0.1.0"
