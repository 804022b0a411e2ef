"""A number as an author writes it, within what is measured here."""

from __future__ import annotations

from decimal import Decimal

from factlab.errors import quoted
from factlab.grading.numbers import parse_number

MOST_DIGITS = 160  # characters
MOST_POWER = 100  # of ten: a googol, and as far below 1


def checked_number(value: str, what: str) -> Decimal:
    """The number that a text is.

    Args:
        value: What was written.
        what: What it is, for the message.

    Raises:
        ValueError: for what cannot be read as a number, or is beyond the bounds.
    """
    number = parse_number(value) if len(value) <= MOST_DIGITS else None
    if number is None or not number.is_finite():
        raise ValueError(
            f"{what} {quoted(value)} cannot be read as a number; write it like 4889, 4,889.5 or -3"
        )
    if number.adjusted() > MOST_POWER or int(number.as_tuple().exponent) < -MOST_POWER:
        raise ValueError(
            f"{what} {quoted(value)} is beyond what is measured here; from 1e-{MOST_POWER} to "
            f"1e{MOST_POWER} is"
        )
    return number
