"""Serving the app: who may come in, what a browser is told, and what belongs to which visitor. Free of gradio."""
