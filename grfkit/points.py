"""What is said of recordings and stances: notes, errors with advice, and the reason that excludes a stance."""

from typing import NamedTuple


class Excluded(Exception):
    """A stance breaks a check; the message is the reason."""


class InputError(ValueError):
    """An input that cannot be used: `fact` is the rule and what was found, `advice` what to do; the message is both."""

    def __init__(self, fact, advice):
        super().__init__(f"{fact} {advice}")
        self.fact, self.advice = fact, advice

    def __reduce__(self):  # so that it survives the way back from another process
        return type(self), (self.fact, self.advice)


class Note(NamedTuple):
    """What was found about a recording; a warning is what may make its estimates wrong."""

    text: str
    is_warning: bool = False
