"""Simulated demonstration data: patients rendered from openly licensed anatomical templates."""
