"""What a person brings, opened and made ready for a model: files -> Picture -> Prepared."""
