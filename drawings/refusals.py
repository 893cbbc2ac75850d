"""Why there is no drawing."""


class UnreadableDesign(Exception):
    """The file is refused; the sentence says why, and what may be done."""


class DrawingFailed(Exception):
    """Too slow, or the child died. Nothing is known about the design; it may be asked for again."""
