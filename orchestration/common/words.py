"""Wording of messages: counts and error texts.

Belongs here: a number with its noun, and an error message without its class. Does not: any whole message.
"""

import re


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless the number is 1: `1 file`, `2,000 files`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def without_class(message: str) -> str:
    """Return an error message of Dagster without the Python class that precedes it."""
    return re.sub(r"^(\w+\.)+\w+: ", "", message.strip())
