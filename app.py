"""MIA-Viz: see whether a diffusion model was trained on a picture. Start with `python app.py`."""

from mia_viz.ui.launch import launch

from mia_viz.ui.build import build_app  # isort: skip

demo = build_app()

if __name__ == "__main__":
    launch(demo)
