"""Anatomical templates of the simulated patients, and sampling of them at warped coordinates.

Sources, both in MNI space (millimetres, x to the right, y forward, z up):

* ICBM152 2009a (T1 average, grey- and white-matter probability), shipped by the `nilearn` Python package;
* Colin27 with and without skull (`ch2`, `ch2bet`), shipped by Debian's `mricron-data` package.

Both were made at the McConnell Brain Imaging Centre, Montreal Neurological Institute, McGill University,
which grants use for any purpose as long as its copyright notice goes along.

Every volume is kept on the 1 mm grid of Colin27, (181, 217, 181) voxels.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.special import expit

COLIN_FOLDER = Path("/usr/share/mricron/templates")
ICBM_PATTERN = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
ICBM_REMEDY = "the Python package nilearn: pip install nilearn"
COLIN_REMEDY = "the Debian package mricron-data: apt-get install mricron-data"
CLOSING_MM = 9.0  # bridges the sulci, so that the envelope of the brain becomes the inside of the skull
MENINGES_MM = 2.0  # room between cortex and inner table of the skull
DURA_MM = 3.0  # depth over which dark dura gives way to fluid
INNER_EDGE_MM = 1.5  # width of the soft edge of the intracranial volume
LATTICE_MM = 150.0  # warps are defined for coordinates in [-LATTICE_MM, LATTICE_MM]


class TemplateMissingError(RuntimeError):
    """A template is not installed; the message names the package that ships it."""


@dataclass(frozen=True)
class Templates:
    """Tissue volumes on one grid; membership maps are uint8, 255 meaning "entirely this tissue"."""

    colin_grey: np.ndarray  # (X, Y, Z) uint8
    colin_white: np.ndarray  # (X, Y, Z) uint8
    icbm_grey: np.ndarray  # (X, Y, Z) uint8
    icbm_white: np.ndarray  # (X, Y, Z) uint8
    fat: np.ndarray  # (X, Y, Z) uint8, subcutaneous fat and marrow
    soft: np.ndarray  # (X, Y, Z) uint8, skin and muscle
    skull_distance: np.ndarray  # (X, Y, Z) float32, mm outside (negative: inside) of the inner table
    origin_mm: np.ndarray  # (3,) MNI coordinates of voxel (0, 0, 0)


@dataclass(frozen=True)
class Anatomy:
    """What makes one patient's head differ from the templates, beyond pose."""

    icbm_share: float  # 0 = all Colin27, 1 = all ICBM152
    icbm_sharpening: float  # exponent >= 1 on the ICBM152 probabilities
    atrophy: float  # 0..0.07, relative shrinkage of the brain inside its skull
    ventricle_growth: tuple[float, float]  # -0.2..0.55, local expansion on either side
    shell_thickness: float  # 0.75..1.35, scalp and skull relative to Colin27


@dataclass(frozen=True)
class Tissues:
    """Fractions in 0..1 of each tissue at the sampled points; what is missing to 1 is bone or air."""

    grey: np.ndarray
    white: np.ndarray
    fluid: np.ndarray  # cerebrospinal fluid
    fat: np.ndarray
    soft: np.ndarray
    inside: np.ndarray  # intracranial volume


def load_templates() -> Templates:
    """Read both templates and derive the tissue maps (takes seconds; share the result between patients).

    Raises TemplateMissingError, naming the package to install, when a template is absent.
    """
    icbm_folder = _icbm_folder()
    head, affine = _read_volume(COLIN_FOLDER / "ch2.nii.gz", COLIN_REMEDY)
    stripped, _ = _read_volume(COLIN_FOLDER / "ch2bet.nii.gz", COLIN_REMEDY)
    icbm = {kind: _read_icbm(icbm_folder, kind, affine, head.shape) for kind in ("t1", "gm", "wm")}
    brain = _close(stripped > 0, radius=3.0)
    colin_white = _ramp(head, 84.0, 113.0) * brain
    colin_grey = _ramp(head, 46.0, 78.0) * brain - colin_white
    distance = _signed_distance(_close((stripped > 0) | (icbm["t1"] > 30), CLOSING_MM, MENINGES_MM))
    scalp = _scalp_signal(head)
    fat = _ramp(scalp, 72.0, 135.0)
    return Templates(
        colin_grey=_as_bytes(colin_grey),
        colin_white=_as_bytes(colin_white),
        icbm_grey=_as_bytes(icbm["gm"] / 255.0),
        icbm_white=_as_bytes(icbm["wm"] / 255.0),
        fat=_as_bytes(fat),
        soft=_as_bytes(_ramp(scalp, 22.0, 60.0) - fat),
        skull_distance=distance,
        origin_mm=affine[:3, 3],
    )


def bend(points: np.ndarray, rng: np.random.Generator, spacing_mm: float, strength: float) -> np.ndarray:
    """Displacement in mm, (3, ...), of `points` (3, ...) by a random cubic B-spline warp.

    `strength` is the largest control-point displacement in units of the spacing. Below 0.40 a cubic
    B-spline warp in three dimensions cannot fold (Choi and Lee, Graphical Models 62, 2000).
    """
    if not 0.0 <= strength < 0.40:
        raise ValueError(f"A warp strength of {strength} may fold; keep it within [0, 0.40).")
    return strength * spacing_mm * np.stack([_smooth_field(points, rng, spacing_mm) for _ in range(3)])


def sample_tissues(templates: Templates, points: np.ndarray, anatomy: Anatomy, rng: np.random.Generator) -> Tissues:
    """Tissue fractions, each shaped (...), of one patient at MNI coordinates `points` (3, ...) in mm."""

    def read(volume: np.ndarray, where: np.ndarray, mode: str = "constant") -> np.ndarray:
        voxels = where - templates.origin_mm.reshape(3, *[1] * (where.ndim - 1))
        return ndimage.map_coordinates(volume, voxels, output=np.float32, order=1, mode=mode)

    distance = read(templates.skull_distance, points, "nearest")
    steps = np.eye(3).reshape(3, 3, *[1] * (points.ndim - 1))
    inside = np.clip(0.5 - distance / INNER_EDGE_MM, 0.0, 1.0)
    cortex = _brain_points(points, distance, anatomy, rng)
    mix = _mixing_weight(points, anatomy.icbm_share, rng)
    icbm = [read(volume, cortex) / 255.0 for volume in (templates.icbm_grey, templates.icbm_white)]
    icbm = _sharpen(*icbm, anatomy.icbm_sharpening)
    colin = [read(volume, cortex) / 255.0 for volume in (templates.colin_grey, templates.colin_white)]
    grey, white = (inside * (mix * a + (1.0 - mix) * b) for a, b in zip(icbm, colin, strict=True))
    normal = np.stack([read(templates.skull_distance, points + step, "nearest") - distance for step in steps])
    shell = points + normal * np.maximum(distance, 0.0) * (1.0 / anatomy.shell_thickness - 1.0)
    fat, soft = ((1.0 - inside) * read(volume, shell) / 255.0 for volume in (templates.fat, templates.soft))
    fluid = np.clip(inside - grey - white, 0.0, 1.0) * np.clip(-distance / DURA_MM, 0.0, 1.0)
    return Tissues(grey, white, fluid, fat, soft, inside)


def _brain_points(points: np.ndarray, distance: np.ndarray, anatomy: Anatomy, rng: np.random.Generator) -> np.ndarray:
    """Template coordinates (3, ...) of the brain: folds moved, ventricles grown, all shrunk by atrophy."""
    # The fine warps fade out towards the skull, so that they move gyri and never push them through it.
    depth = np.clip(-distance / 14.0, 0.0, 1.0)
    bent = points + depth * bend(points, rng, spacing_mm=28.0, strength=0.36)
    bent = bent + depth * bend(bent, rng, spacing_mm=16.0, strength=0.34)
    axes = (3, *[1] * (points.ndim - 1))
    for side, growth in zip((-1.0, 1.0), anatomy.ventricle_growth, strict=True):
        offset = bent - np.array([13.0 * side, -12.0, 16.0]).reshape(axes)
        reach = offset / np.array([15.0, 34.0, 17.0]).reshape(axes)
        bent = bent - growth * offset * np.exp(-0.5 * (reach**2).sum(axis=0))
    centre = np.array([0.0, -18.0, 8.0]).reshape(axes)
    return centre + (bent - centre) * (1.0 + anatomy.atrophy)


def _smooth_field(points: np.ndarray, rng: np.random.Generator, spacing_mm: float) -> np.ndarray:
    """Random cubic B-spline (...) in -1..1 at `points` (3, ...), with control points every `spacing_mm`."""
    knots = int(np.ceil(2.0 * LATTICE_MM / spacing_mm)) + 3
    control = rng.uniform(-1.0, 1.0, size=(knots, knots, knots))
    where = (points + LATTICE_MM) / spacing_mm + 1.0
    return ndimage.map_coordinates(control, where, order=3, mode="nearest", prefilter=False)


def _mixing_weight(points: np.ndarray, icbm_share: float, rng: np.random.Generator) -> np.ndarray:
    """Smooth weight (...) in 0..1 of ICBM152 against Colin27: regions of one, regions of the other."""
    return expit(18.0 * _smooth_field(points, rng, spacing_mm=45.0) + 12.0 * icbm_share - 6.0)


def _sharpen(grey: np.ndarray, white: np.ndarray, exponent: float) -> tuple[np.ndarray, np.ndarray]:
    """Grey and white fractions in 0..1 from probabilities in 0..1, with steeper borders between tissues."""
    rest = np.clip(1.0 - grey - white, 0.0, 1.0)
    total = grey**exponent + white**exponent + rest**exponent
    return grey**exponent / total, white**exponent / total


def _icbm_folder() -> Path:
    """Folder of the ICBM152 volumes; nilearn itself is not imported, as that takes seconds."""
    package = find_spec("nilearn")
    if package is None or package.origin is None:
        raise TemplateMissingError(f"The ICBM152 template is missing; install {ICBM_REMEDY}.")
    return Path(package.origin).parent / "datasets" / "data"


def _read_volume(path: Path, remedy: str) -> tuple[np.ndarray, np.ndarray]:
    """Voxels as float32 and the (4, 4) affine of a NIfTI file."""
    if not path.is_file():
        raise TemplateMissingError(f"The template {path.name} is missing; install {remedy}.")
    import nibabel  # comes with nilearn, which load_templates has checked by now

    image = nibabel.load(path)
    return np.asarray(image.dataobj, dtype=np.float32), image.affine


def _read_icbm(folder: Path, kind: str, affine: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """ICBM152 volume `kind` (t1, gm or wm), 0..255, resampled to the grid given by `affine` and `shape`."""
    volume, own_affine = _read_volume(folder / ICBM_PATTERN.format(kind), ICBM_REMEDY)
    to_own = np.linalg.inv(own_affine) @ affine
    return ndimage.affine_transform(volume, to_own[:3, :3], to_own[:3, 3], output_shape=shape, order=1)


def _scalp_signal(head: np.ndarray) -> np.ndarray:
    """Colin27 T1 signal (X, Y, Z) without what floats in the air around the head."""
    parts, _ = ndimage.label(ndimage.binary_opening(head > 18, iterations=2))
    largest = np.bincount(parts.ravel())[1:].argmax() + 1
    return head * ndimage.binary_dilation(parts == largest, iterations=2)


def _close(mask: np.ndarray, radius: float, margin: float = 0.0) -> np.ndarray:
    """Morphological closing of `mask` by a ball of `radius` voxels that leaves `margin` voxels of growth."""
    grown = ndimage.distance_transform_edt(~mask) <= radius
    return ndimage.distance_transform_edt(grown) > radius - margin


def _signed_distance(mask: np.ndarray) -> np.ndarray:
    """Smooth distance in mm (voxels of 1 mm) to the border of `mask`, positive outside."""
    distance = ndimage.distance_transform_edt(~mask) - ndimage.distance_transform_edt(mask)
    return ndimage.gaussian_filter(distance, 2.0).astype(np.float32)


def _ramp(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 up to `low`, 1 from `high` on, linear between."""
    return np.clip((values - low) / (high - low), 0.0, 1.0)


def _as_bytes(fraction: np.ndarray) -> np.ndarray:
    """Fractions in 0..1 as uint8 in 0..255, for an eighth of the memory."""
    return np.round(255.0 * np.clip(fraction, 0.0, 1.0)).astype(np.uint8)
