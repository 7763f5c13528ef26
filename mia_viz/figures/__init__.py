"""Plotly figures and HTML panels from plain arrays; no torch and no gradio in this room."""
