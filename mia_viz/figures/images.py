"""Arrays as small PNG pictures inside HTML: lossless, enlarged without smoothing, with a text for those who cannot see.

Pictures travel inside the page (data URIs), so no file of them is left on the server.
"""

from __future__ import annotations

import base64
import io
from html import escape

import numpy as np
from PIL import Image

DIVIDER = """element.addEventListener("input", event => {
  const part = event.target.closest(".mv-compare");
  if (part) part.style.setProperty("--p", event.target.value + "%");
});"""
DIVERGING = np.array([[33, 82, 163], [122, 166, 214], [245, 245, 245], [232, 150, 104], [176, 61, 11]], dtype=float)
SEQUENTIAL = np.array([[16, 16, 24], [62, 38, 104], [150, 54, 106], [226, 106, 66], [250, 222, 140]], dtype=float)


def grey(values: np.ndarray) -> np.ndarray:
    """A picture (C, H, W) in [-1, 1] as it is, uint8 (H, W) when grey or (H, W, 3) in colour, clipped."""
    shown = np.rint((np.clip(values, -1, 1) + 1) * 127.5).astype(np.uint8)
    return shown[0] if len(shown) == 1 else np.moveaxis(shown, 0, 2)


def ramp(values: np.ndarray, colours: np.ndarray, low: float, high: float) -> np.ndarray:
    """A map (H, W) through a colour scale from low to high, uint8 (H, W, 3), clipped at both ends."""
    place = np.clip((values - low) / max(high - low, 1e-12), 0, 1) * (len(colours) - 1)
    channels = [np.interp(place, np.arange(len(colours)), colours[:, c]) for c in range(3)]
    return np.stack(channels, axis=-1).astype(np.uint8)


def signed(values: np.ndarray, limit: float) -> np.ndarray:
    """A signed map (C, H, W) centred on zero: blue below, white at 0, orange above.

    Of several channels the size shown is their root mean square, so that changes of hue do not cancel, and the sign
    is that of their mean: brighter or darker.
    """
    size = np.sqrt((values**2).mean(axis=0))
    return ramp(np.where(values.mean(axis=0) < 0, -size, size), DIVERGING, -limit, limit)


def channels(values: np.ndarray, limit: float) -> np.ndarray:
    """Channels (C, H, W) of a latent as small multiples in reading order, each signed as above, a grey line between.

    uint8 (rows * (H + 1) - 1, columns * (W + 1) - 1, 3), as square as C allows.
    """
    count, height, width = values.shape
    columns = int(np.ceil(np.sqrt(count)))
    rows = -(-count // columns)
    sheet = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1, 3), 128, dtype=np.uint8)
    for i, channel in enumerate(values):
        top, left = i // columns * (height + 1), i % columns * (width + 1)
        sheet[top : top + height, left : left + width] = ramp(channel, DIVERGING, -limit, limit)
    return sheet


def unsigned(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """An unsigned map (H, W) through the sequential scale."""
    return ramp(values, SEQUENTIAL, low, high)


def hide(values: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """The degraded picture as shown: hidden pixels (1, H, W) hatched in two greys so that they look taken out."""
    picture = grey(values)
    rows, columns = np.indices(hidden.shape[-2:])
    hatch = np.where((rows + columns) // 2 % 2 == 0, 96, 128).astype(np.uint8)
    if picture.ndim == 3:
        hatch = hatch[..., None]
        return np.where(hidden[0][..., None] > 0, hatch, picture).astype(np.uint8)
    return np.where(hidden[0] > 0, hatch, picture).astype(np.uint8)


def uri(array: np.ndarray) -> str:
    """A uint8 picture (H, W) or (H, W, 3) as a PNG data URI."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def tile(array: np.ndarray, caption: str, alt: str, note: str = "") -> str:
    """One captioned picture."""
    below = f'<span class="mv-note">{escape(note)}</span>' if note else ""
    return (
        f'<figure class="mv-tile"><img class="mv-px" src="{uri(array)}" alt="{escape(alt)}">'
        f"<figcaption>{escape(caption)}{below}</figcaption></figure>"
    )


def strip(tiles: list[str]) -> str:
    """Tiles side by side; three stay together on a phone, more wrap to two columns, and one or two stay small."""
    kind = {1: " mv-few", 2: " mv-few", 3: " mv-three"}.get(len(tiles), "")
    return f'<div class="mv-strip{kind}">{"".join(tiles)}</div>'


def scale_bar(colours: np.ndarray, low: str, middle: str, high: str) -> str:
    """The legend of a colour scale."""
    stops = ", ".join(f"rgb({r:.0f},{g:.0f},{b:.0f})" for r, g, b in colours)
    return (
        f'<div class="mv-scale"><span>{escape(low)}</span><i style="background:linear-gradient(90deg,{stops})"></i>'
        f"<span>{escape(high)}</span><em>{escape(middle)}</em></div>"
    )


def compare(before: np.ndarray, after: np.ndarray, left: str, right: str, alt: str) -> str:
    """Two pictures on top of each other with a divider that the mouse, a finger or the arrow keys move.

    The slider works by the script DIVIDER of the element around it: under a strict Content-Security-Policy no script
    that stands in an attribute runs.
    """
    return (
        '<div class="mv-compare" style="--p:50%">'
        f'<div class="mv-stack"><img class="mv-px" src="{uri(after)}" alt="{escape(alt)}">'
        f'<img class="mv-px mv-over" src="{uri(before)}" alt=""><b></b></div>'
        f'<div class="mv-ends"><span>{escape(left)}</span><span>{escape(right)}</span></div>'
        f'<input type="range" min="0" max="100" value="50" step="1" aria-label="Move between {escape(left)} and '
        f'{escape(right)}"></div>'
    )
