"""MIA-Viz: see whether a diffusion model was trained on a picture. Start with `python app.py`."""

from mia_viz.ui.launch import build, launch

demo = build()

if __name__ == "__main__":
    launch(demo)
