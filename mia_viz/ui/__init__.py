"""The walk: one step per file, thin handlers, no torch."""
