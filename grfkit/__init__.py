"""grfkit: ground reaction force curves of running from lower-body points (after Zhou et al. 2025)."""

__version__ = "0.1.0"
