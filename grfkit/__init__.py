"""grfkit: ground reaction force curves of running from lower-body points (after Zhou et al. 2025).

This folder is the core: what the paper needs, arrays in, arrays out. Its subfolders, the rooms, hold all else. The
first lines of each room say what goes in and what comes out. A room imports only from the rooms before it in this
list: study, recordings, stances, virtual, estimators, field, evaluation, reports, course.
"""

__version__ = "0.1.0"

_TYPED = {  # names that users type; each is loaded at its first use
    "estimate": ("grfkit.reports.estimate", "estimate"),
    "from_array": ("grfkit.recordings.discover", "from_array"),
    "load_model": ("grfkit.field.model", "load"),
    "read": ("grfkit.recordings.discover", "read"),
}


def __getattr__(name):
    """Load one of the names that users type: grfkit.estimate, from_array, load_model, read."""
    if name not in _TYPED:
        raise AttributeError(f"module 'grfkit' has no attribute {name!r}")
    import importlib

    module, function = _TYPED[name]
    return getattr(importlib.import_module(module), function)
