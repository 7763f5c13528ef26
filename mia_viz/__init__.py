"""MIA-Viz: see whether a diffusion model was trained on an image."""

__version__ = "0.1.0"
