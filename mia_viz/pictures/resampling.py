"""What resampling does to the frequencies that an analysis looks at, in closed form.

Frequencies are shares of Nyquist of the resampled picture (1 = the finest stripes it can hold along an axis).
Enlarging by g leaves no true detail above 1 / g. Shrinking takes area means, a box one new pixel wide, whose response
at share f is sin(pi f / 2) / (pi f / 2).
"""

from __future__ import annotations

import math

WEAKENED = 0.9
"""A band counts as touched where less than this of an amplitude is left at its upper edge."""


def kept(share: float) -> float:
    """Share of an amplitude that area means leave at a frequency, 1 at 0 and 2 / pi at Nyquist."""
    return 1.0 if share == 0 else math.sin(math.pi * share / 2) / (math.pi * share / 2)


def band_note(stretch: float, lo: float, hi: float) -> str:
    """One sentence where resampling touches the band from `lo` to `hi`, shares of Nyquist; empty where it does not.

    stretch: new pixels per old one; above 1 enlarged, below 1 shrunk.
    """
    edge = min(hi, 1.0)
    used = "all frequencies" if lo <= 0 and hi >= 1 else f"frequencies from {lo:.2g} to {edge:.2g}"
    band = f"{used} are in use"
    if stretch > 1.005 and hi > 1 / stretch:
        return f"Enlarging left nothing true above {1 / stretch:.2g} of the finest detail, and {band}."
    if stretch < 0.995 and kept(edge) < WEAKENED:
        return f"Shrinking weakened the finest detail in use to {100 * kept(edge):.0f} % of its strength, and {band}."
    return ""
