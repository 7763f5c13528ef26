"""What can go wrong with a target, importable without torch."""


class TargetError(ValueError):
    """A model cannot be opened or used; the message is one sentence for a person."""
