"""MIA-Viz: see whether a diffusion model was trained on an image.

For programmers: `open_target`, `load_pictures`, `collect`, `score`, `judge`, and `run_audit` for very many pictures
(see mia_viz.api and docs/python.md). They are loaded when first used; importing this package loads neither torch nor
numpy.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mia_viz.api import Collected, Pictures, collect, judge, load_pictures, open_target, run_audit, score

__version__ = "0.2.0"
__all__ = ["Collected", "Pictures", "collect", "judge", "load_pictures", "open_target", "run_audit", "score"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'mia_viz' has no attribute {name!r}")
    from mia_viz import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
