"""Numbers in messages.

Belongs here: a number with its noun in the right form. Does not: any message.
"""


def counted(number: int, noun: str) -> str:
    """Return the number with thousands and the noun, with an s unless it is one: `1 file`, `2,000 files`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
