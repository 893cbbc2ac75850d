"""Why a stack doesn't start, as a sentence for the person at the terminal."""


class Refusal(Exception):
    """The stack can't start or go on; the text says why and what to do. Shown without a traceback."""
