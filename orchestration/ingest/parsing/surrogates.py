"""Lone surrogates in JSON: halves of a character, which programs that cut texts leave behind.

Belongs here: finding and replacing them in bytes. Does not: anything else about the bytes of a file
(`file_bytes`). The engine reads no JSON with a lone surrogate in it, even in a text that is not read.
"""

import re
from collections.abc import Iterator
from typing import Protocol

BLOCK = 2**18  # bytes looked at together: they stay in the processor's cache
MOST = 2**24  # bytes held back in the hope that an escape ends

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
    """What bytes are read from, block by block."""

    def read(self, size: int) -> bytes:
        """Return at most so many bytes; none at the end."""


def whole_escapes(stream: SupportsRead) -> Iterator[bytes]:
    """Yield what a stream holds, in parts that end within no escape of JSON and no character."""
    rest = b""
    while block := stream.read(BLOCK):
        block = rest + block
        end = len(block.rstrip(_CAN_CONTINUE)) if len(block) <= MOST else len(block)
        rest = block[end:]
        yield block[:end]
    yield rest


def without_lone_surrogates(text: bytes) -> bytes:
    """Return JSON with a replacement character for each lone surrogate; the same object if there is none."""
    if b"\xed" in text:
        text = _LONE_BYTES.sub(b"\xef\xbf\xbd", text) if _LONE_BYTES.search(text) else text
    if (b"\\ud" in text or b"\\uD" in text) and _LONE_ESCAPE.search(text):
        replaced = _ESCAPE.sub(lambda escape: b"\\ufffd" if escape[1] else escape[0], text)
        text = text if replaced == text else replaced
    return text
