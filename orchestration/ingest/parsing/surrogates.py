"""Lone surrogates in JSON: halves of a character, left by programs that truncate texts.

Belongs here: finding and replacing them in bytes. Does not: any other check of bytes (`file_bytes`). DuckDB
cannot read JSON that contains a lone surrogate, even in a field that is not read.
"""

import re
from collections.abc import Iterator
from typing import Protocol

BLOCK = 2**18  # bytes per block, fits in the processor's cache
MAX_CARRIED = 2**24  # bytes carried to the next block to complete an escape

_LONE_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])"
    rb"|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_LONE_BYTES = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")
_CAN_CONTINUE = b"\\u0123456789abcdefABCDEF" + bytes(range(0x80, 0x100))  # within an escape or a character


class SupportsRead(Protocol):
    """A stream of bytes."""

    def read(self, size: int) -> bytes:
        """Return at most `size` bytes, and no bytes at the end."""


def whole_escapes(stream: SupportsRead) -> Iterator[bytes]:
    """Yield the content of a stream in parts that do not split a JSON escape or a character."""
    rest = b""
    while block := stream.read(BLOCK):
        block = rest + block
        end = len(block.rstrip(_CAN_CONTINUE)) if len(block) <= MAX_CARRIED else len(block)
        rest = block[end:]
        yield block[:end]
    yield rest


def without_lone_surrogates(text: bytes) -> bytes:
    """Return JSON with each lone surrogate replaced by U+FFFD. Without any, return the same object."""
    if b"\xed" in text:
        text = _LONE_BYTES.sub(b"\xef\xbf\xbd", text) if _LONE_BYTES.search(text) else text
    if (b"\\ud" in text or b"\\uD" in text) and _LONE_ESCAPE.search(text):
        replaced = _ESCAPE.sub(lambda escape: b"\\ufffd" if escape[1] else escape[0], text)
        text = text if replaced == text else replaced
    return text
