"""Numbers and errors in messages.

Belongs here: a number with its noun in the right form, and the text of an error. Does not: any message.
"""

import re


def counted(number: int, noun: str) -> str:
    """Return the number with thousands and the noun, with an s unless it is one: `1 file`, `2,000 files`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def without_class(message: str) -> str:
    """Return the message of an error as Dagster records it, without the Python class that it begins with."""
    return re.sub(r"^(\w+\.)+\w+: ", "", message.strip())
