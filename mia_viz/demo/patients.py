"""Simulated patients: 64 x 64 axial brain MR slices rendered from anatomical templates.

No picture shows a person: each is drawn from ICBM152 and Colin27 (see `mia_viz.demo.templates`) with a random
pose, anatomy, contrast, pathology and scanner. Patient i depends on (seed, i) alone.

    python -m mia_viz.demo.patients --out DIR --count 768 --seed 2026
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from scipy import ndimage
from scipy.spatial.transform import Rotation
from scipy.special import expit

from mia_viz.demo.templates import Anatomy, Templates, Tissues, bend, load_templates, sample_tissues
from mia_viz.whole import write_bytes

PNG_RECORD = "simulated patient"  # keyword of the PNG text that holds the facts
OVERSAMPLING = 2  # points per pixel and axis, against aliasing of the cortex
SUB_SLICES = 4  # points through the slice thickness
CONTRASTS = ("T1", "T2", "FLAIR", "PD")
CONTRAST_SHARES = (0.40, 0.28, 0.22, 0.10)


@dataclass(frozen=True)
class Signal:
    """Signal of each tissue in one contrast, 0 (black) to 1 (white)."""

    grey: float
    white: float
    fluid: float
    fat: float
    soft: float


TISSUE_SIGNAL = {
    "T1": Signal(grey=0.50, white=0.80, fluid=0.13, fat=0.95, soft=0.42),
    "T2": Signal(grey=0.54, white=0.34, fluid=0.98, fat=0.62, soft=0.22),
    "FLAIR": Signal(grey=0.70, white=0.48, fluid=0.08, fat=0.62, soft=0.30),
    "PD": Signal(grey=0.86, white=0.58, fluid=0.68, fat=0.72, soft=0.45),
}
# Signal of lesion parts per contrast: demyelinated white matter, cyst, solid nodule, rim, core, oedema.
LESION_SIGNAL = {
    "T1": {"patch": 0.42, "cyst": 0.12, "nodule": 0.95, "rim": 1.00, "core": 0.22, "oedema": 0.45},
    "T2": {"patch": 0.92, "cyst": 1.00, "nodule": 0.15, "rim": 0.40, "core": 0.95, "oedema": 0.80},
    "FLAIR": {"patch": 1.00, "cyst": 0.12, "nodule": 0.98, "rim": 0.95, "core": 0.35, "oedema": 0.88},
    "PD": {"patch": 1.00, "cyst": 0.95, "nodule": 0.25, "rim": 0.98, "core": 0.60, "oedema": 0.92},
}


@dataclass(frozen=True)
class Patient:
    """Facts about one simulated patient, worth showing beside the picture."""

    index: int
    contrast: str  # one of CONTRASTS
    level_mm: float  # height of the slice above the anterior commissure, MNI z
    lesions: int  # lesions drawn
    skull: bool  # False when the picture was skull-stripped
    noise: float  # standard deviation of the Rician noise, fraction of full scale (0.005..0.025)


def render_patient(
    seed: int, index: int, templates: Templates | None = None, size: int = 64
) -> tuple[np.ndarray, Patient]:
    """Picture (size, size) uint8, front of the head on top, of patient `index`, and the facts about it.

    Pass `templates` when rendering many patients: loading them takes far longer than one picture.
    """
    rng = np.random.default_rng([seed, index])
    contrast = str(rng.choice(CONTRASTS, p=CONTRAST_SHARES))
    level_mm = float(rng.uniform(-24.0, 54.0))
    skull = bool(rng.random() > 0.12)
    noise = float(0.005 + 0.02 * rng.beta(1.0, 3.5))
    points, pixel_mm = _slab_points(rng, level_mm, size * OVERSAMPLING)
    head = sample_tissues(templates or load_templates(), points, _draw_anatomy(rng), rng)
    tissues = Tissues(**{name: fraction.mean(axis=0) for name, fraction in vars(head).items()})
    healthy = _tissue_picture(tissues, contrast, skull, rng)
    picture, lesions = _add_lesions(healthy, tissues, contrast, pixel_mm, rng)
    facts = Patient(index, contrast, round(level_mm, 1), lesions, skull, round(noise, 4))
    return _scan(picture, tissues.inside, noise, rng), facts


def near_duplicates(images: np.ndarray, groups: np.ndarray, threshold: float) -> list[tuple[int, int, float]]:
    """Pairs (i, j, correlation), most alike first, of pictures that look the same in different groups.

    `images` is (N, H, W) uint8, `groups` (N,) integer labels. The correlation is the largest over shifts of
    up to two pixels along each axis and left-right mirroring; pairs above `threshold` come with i < j.
    """
    plain = _standardise(images)
    best = np.full((len(images), len(images)), -1.0, dtype=np.float32)
    for flipped in (images, images[:, :, ::-1]):
        for rows in range(-2, 3):
            for columns in range(-2, 3):
                moved = ndimage.shift(flipped, (0, rows, columns), order=0)
                np.maximum(best, plain @ _standardise(moved).T, out=best)
    best = np.maximum(best, best.T)
    first, second = np.nonzero(np.triu((best > threshold) & (groups[:, None] != groups[None, :]), k=1))
    pairs = [(int(i), int(j), float(best[i, j])) for i, j in zip(first, second, strict=True)]
    return sorted(pairs, key=lambda pair: -pair[2])


def write_population(out: Path, seed: int, count: int) -> None:
    """Write `count` pictures 0000.png... and patients.json (one record per patient) into the folder `out`.

    Each picture carries its record as PNG text. Pictures that exist are kept, so that an interrupted run can
    be continued; every file appears whole or not at all. Raises ValueError when `out` holds pictures of
    another seed.
    """
    out.mkdir(parents=True, exist_ok=True)
    targets = [out / f"{index:04d}.png" for index in range(count)]
    missing = [index for index, target in enumerate(targets) if not target.is_file()]
    templates = load_templates() if missing else None
    for index in missing:
        picture, patient = render_patient(seed, index, templates)
        note = PngInfo()
        note.add_text(PNG_RECORD, json.dumps({"seed": seed, **asdict(patient)}))
        buffer = BytesIO()
        Image.fromarray(picture).save(buffer, format="PNG", pnginfo=note)
        write_bytes(targets[index], buffer.getvalue())
    records = [_read_record(target) for target in targets]
    if any(record["seed"] != seed for record in records):
        raise ValueError(f"The folder {out} holds pictures of another seed than {seed}; choose an empty one.")
    write_bytes(out / "patients.json", json.dumps(records, indent=1).encode())


def main() -> None:
    """Command line: write a population of simulated patients."""
    parser = argparse.ArgumentParser(description="Write a population of simulated patients as PNG files.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures and patients.json")
    parser.add_argument("--count", type=int, default=768, help="number of patients")
    parser.add_argument("--seed", type=int, default=2026, help="seed of the population")
    arguments = parser.parse_args()
    write_population(arguments.out, arguments.seed, arguments.count)


def _read_record(path: Path) -> dict[str, str | int | float | bool]:
    """Seed and `Patient` facts stored in a picture by `write_population`."""
    with Image.open(path) as picture:
        return json.loads(picture.text[PNG_RECORD])


def _draw_anatomy(rng: np.random.Generator) -> Anatomy:
    """Random anatomy: mixture of the templates, ageing (atrophy, ventricles) and thickness of the scalp."""
    growth = rng.uniform(-0.15, 0.55)
    return Anatomy(
        icbm_share=float(rng.beta(0.8, 1.0)),
        icbm_sharpening=float(rng.uniform(1.5, 4.0)),
        atrophy=float(rng.uniform(0.0, 0.07)),
        ventricle_growth=(growth, float(np.clip(growth + rng.normal(0.0, 0.12), -0.2, 0.55))),
        shell_thickness=float(rng.uniform(0.75, 1.35)),
    )


def _slab_points(rng: np.random.Generator, level_mm: float, side: int) -> tuple[np.ndarray, float]:
    """MNI coordinates (3, SUB_SLICES, side, side) of the slab, and the spacing of its points, in mm."""
    field_mm = rng.uniform(188.0, 240.0)
    thickness_mm = rng.uniform(1.5, 6.0)
    in_plane = (np.arange(side) + 0.5) / side - 0.5
    through = (np.arange(SUB_SLICES) + 0.5) / SUB_SLICES - 0.5
    w, v, u = np.meshgrid(through * thickness_mm, -in_plane * field_mm, in_plane * field_mm, indexing="ij")
    pose = Rotation.from_euler("xyz", rng.normal(0.0, (7.0, 4.0, 7.0)), degrees=True).as_matrix()
    scale = rng.uniform((0.88, 0.88, 0.90), (1.14, 1.12, 1.10))
    scale[0] *= rng.choice((-1.0, 1.0))  # mirroring doubles the asymmetric anatomy of Colin27
    centre = np.array([0.0, -18.0, level_mm]) + rng.uniform((-9.0, -9.0, 0.0), (9.0, 9.0, 0.0))
    points = np.tensordot(pose / scale[:, None], np.stack([u, v, w]), axes=1) + centre[:, None, None, None]
    points = points + bend(points, rng, spacing_mm=80.0, strength=0.30)
    return points + bend(points, rng, spacing_mm=45.0, strength=0.24), field_mm / side


def _tissue_picture(tissues: Tissues, contrast: str, skull: bool, rng: np.random.Generator) -> np.ndarray:
    """Noise-free signal (side, side) of healthy tissue, each signal jittered for this patient and scanner."""
    signal = {name: value + rng.normal(0.0, 0.03) for name, value in vars(TISSUE_SIGNAL[contrast]).items()}
    signal["fat"] *= rng.uniform(0.55, 1.15)  # fat suppression differs between protocols
    if not skull:
        signal |= {"fat": 0.0, "soft": 0.0}
    picture = sum(max(value, 0.0) * getattr(tissues, name) for name, value in signal.items())
    texture = ndimage.gaussian_filter(rng.normal(size=picture.shape), OVERSAMPLING * 1.5)
    return picture * (1.0 + 0.03 * texture / texture.std())


def _add_lesions(
    picture: np.ndarray, tissues: Tissues, contrast: str, pixel_mm: float, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    """The picture with the lesions of about every second patient, and how many were drawn."""
    if rng.random() < 0.5:
        return picture, 0
    signal = LESION_SIGNAL[contrast]
    kind = rng.choice(("patches", "cyst", "nodule", "ring"), p=(0.5, 0.2, 0.1, 0.2))
    count = int(rng.integers(*{"patches": (2, 10), "ring": (1, 2)}.get(kind, (1, 4))))
    seats = np.argwhere((tissues.white if kind == "patches" else tissues.white + tissues.grey) > 0.85)
    if len(seats) == 0:
        return picture, 0
    for seat in seats[rng.integers(len(seats), size=count)]:
        if kind == "patches":
            layers = [(signal["patch"], rng.uniform(1.8, 5.0))]
        elif kind == "ring":
            radius = rng.uniform(7.0, 14.0)
            radii = {"oedema": 1.7 * radius, "rim": radius, "core": rng.uniform(0.5, 0.75) * radius}
            layers = [(signal[part], extent) for part, extent in radii.items()]
        else:
            layers = [(signal[kind], rng.uniform(4.0, 11.0))]
        shape = _lesion_radius(picture.shape, seat, pixel_mm, rng)
        for value, radius in layers:
            cover = rng.uniform(0.7, 1.0) * tissues.inside * expit((radius - shape) / 0.8)
            picture = picture + cover * (value - picture)
    return picture, count


def _lesion_radius(shape: tuple[int, ...], seat: np.ndarray, pixel_mm: float, rng: np.random.Generator) -> np.ndarray:
    """Distance in mm (side, side) from a lesion centre, squeezed and roughened into an irregular shape."""
    rows, columns = (np.indices(shape) - seat[:, None, None]) * pixel_mm
    angle, squeeze = rng.uniform(0.0, np.pi), rng.uniform(0.8, 1.25)
    along = (np.cos(angle) * rows + np.sin(angle) * columns) * squeeze
    across = (np.cos(angle) * columns - np.sin(angle) * rows) / squeeze
    rough = ndimage.gaussian_filter(rng.normal(size=shape), 4.0 / pixel_mm)
    return np.hypot(along, across) * np.exp(0.25 * rough / rough.std())


def _scan(picture: np.ndarray, inside: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """Picture (size, size) uint8 of a signal (side, side): bias, point spread, windowing and Rician noise."""
    side = len(picture)
    row, column = np.meshgrid(*[np.linspace(-1.0, 1.0, side)] * 2, indexing="ij")
    slopes = rng.normal(0.0, (0.13, 0.13, 0.09, 0.09, 0.09))
    bias = np.exp(np.tensordot(slopes, np.stack([row, column, row**2, column**2, row * column]), axes=1))
    blurred = ndimage.gaussian_filter(picture * bias, OVERSAMPLING * rng.uniform(0.20, 0.62))
    size = side // OVERSAMPLING
    coarse = blurred.reshape(size, OVERSAMPLING, size, OVERSAMPLING).mean(axis=(1, 3))
    brain = coarse[inside.reshape(size, OVERSAMPLING, size, OVERSAMPLING).mean(axis=(1, 3)) > 0.5]
    coarse = coarse * rng.uniform(0.78, 0.97) / np.percentile(brain, 97.0)
    real, imaginary = rng.normal(0.0, noise, size=(2, size, size))
    return np.round(255.0 * np.clip(np.hypot(coarse + real, imaginary), 0.0, 1.0)).astype(np.uint8)


def _standardise(images: np.ndarray) -> np.ndarray:
    """Rows (N, H*W) float32 of mean 0 and length 1, so that products of rows are correlations."""
    rows = images.reshape(len(images), -1).astype(np.float32)
    rows = rows - rows.mean(axis=1, keepdims=True)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


if __name__ == "__main__":
    main()
