"""The frequency laboratory: every radial filter tried on stored residual spectra, without asking a model."""
