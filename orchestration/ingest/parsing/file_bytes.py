"""The bytes of one file: which file it is, whether it is what its name says, and its text as plain lines.

Belongs here: everything that looks at bytes; a file that cannot be read at all is refused (`BadFileError`).
Does not: what the lines mean (`reading`, `records`).

The engine reads lines fast, but not every line: bytes that are not UTF-8 stop it, and a carriage return of
its own shifts its line numbers. So a file is handed over as it is (by a link) where it is plain, and else as
a copy with the same line numbers, in which every line that cannot be read begins with its flaw (see `FLAW`).
"""

import gzip
import hashlib
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from json import JSONDecodeError, JSONDecoder
from pathlib import Path
from typing import BinaryIO

from orchestration.ingest.parsing.surrogates import whole_escapes, without_lone_surrogates

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_RECORD = 16 * 2**20  # bytes
FLAW = "\x1f"  # before and after what is wrong with a line, which follows
NEVER = "\x1e"  # in no plain line: the delimiter of columns of which there is only one
FOLDED_LINE_BREAK = "\x1d"  # stands for a line break within the quotation marks of a CSV

_CONTROLS = {FLAW: "a control character", NEVER: "a control character", "\x00": "a NUL byte"}
# In JSON no line may hold these either; the engine would take them for blanks at its ends.
_CONTROLS_OF = {"csv": _CONTROLS, "lines": _CONTROLS | dict.fromkeys("\v\f", "a control character")}
_UNREADABLE = {kind: [control.encode() for control in held] for kind, held in _CONTROLS_OF.items()}
_HEAD = 2**20  # bytes by which a file shows what it holds
_BLOCK = 2**18  # bytes looked at together: they stay in the processor's cache
_SHOWN = 1000  # bytes of a line that is too long to keep
_HELD = 32  # bytes that a line takes besides its own, while it is kept
_BOM = b"\xef\xbb\xbf"
_DELIMITERS = ",;\t"
_SEP_LINE = re.compile(f'"?sep=([{_DELIMITERS}|])"?[{_DELIMITERS}|]*', re.IGNORECASE)
_OPENERS: dict[str, Callable[..., BinaryIO]] = {".gz": gzip.open, ".zst": zstd.open, "": open}
_DAMAGE = (gzip.BadGzipFile, zstd.ZstdError, zlib.error, EOFError)
_KINDS = {".jsonl": "lines", ".ndjson": "lines", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
_SIGNATURES = {
    b"\x1f\x8b\x08": ("gzip", "add .gz to its name"),
    b"\x28\xb5\x2f\xfd": ("zstd", "add .zst to its name"),
    b"PK\x03\x04": ("a zip archive or a spreadsheet", "unpack it, or save it as CSV UTF-8"),
    b"PAR1": ("Parquet", "let its name end in .parquet"),
}


NOT_UTF8 = "it is not UTF-8"
FLAW_REMEDIES = {
    NOT_UTF8: "save the file as UTF-8 (in a spreadsheet: CSV UTF-8) and drop it again",
    "it holds a control character": "write the record without it",
    "it holds a NUL byte": "write the record without it",
}


class BadFileError(Exception):
    """A file that cannot be loaded: the reason, the remedy and, if anything of the file is quoted, that."""


@dataclass(frozen=True)
class Content:
    """What a file turned out to be.

    - `kind`: lines, csv, array, objects or parquet
    - `lines`: how many physical lines it has, where it is read by lines
    - `header`: the line of a CSV that names its columns; `header_lines`: how many lines end with it
    - `delimiter`: of a CSV
    """

    kind: str
    lines: int | None = None
    header: str = ""
    header_lines: int = 0
    delimiter: str = ""


def file_id(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def prepare(path: Path, target: Path, most: int) -> Content:
    """Put a file's text at `target`: a link to it where its bytes can be read as they are, else a plain copy.

    Raises `BadFileError` where it cannot be read at all or is an archive of more than `most` bytes, `OSError`
    where it cannot be opened or its copy not be written. Nothing is left at `target` then.
    """
    try:
        return _prepare(path, target, most)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def too_large(most: int) -> BadFileError:
    """Return the refusal of a file that holds more than `most` bytes once it is unpacked."""
    return BadFileError(
        f"it unpacks to more than {most / 2**30:g} GB",
        "split it, or raise CONVERSATIONS_MAX_UNPACKED_GB and drop it again",
    )


def _prepare(path: Path, target: Path, most: int) -> Content:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compression = suffixes.pop() if suffixes and suffixes[-1] in (".gz", ".zst") else ""
    kind = _KINDS.get(suffixes[-1] if suffixes else "")
    if kind is None or (kind == "parquet" and compression):
        raise BadFileError(
            "wrong extension: no export is named so",
            "name it .jsonl, .ndjson, .json or .csv (each also with .gz or .zst), or .parquet",
        )
    try:
        with _opened(path, compression, most) as stream:
            head = stream.read(_HEAD)
        kind = _kind(head, kind)
        if kind in ("lines", "csv"):
            return _pass_on_lines(path, target, compression, kind, head, most)
        _pass_on(path, target, compression, kind, most)
    except _DAMAGE as error:
        cut = isinstance(error, EOFError)
        reason = (
            f"its {compression} archive is cut off"
            if cut
            else f"it is no sound {compression} archive ({error})"
        )
        raise BadFileError(reason, "export or copy it again") from None
    return Content(kind)


def csv_field(delimiter: str) -> str:
    """Return the regular expression of a CSV field: quoted, bare (with quotation marks inside), or empty."""
    bare = f"{delimiter}{FOLDED_LINE_BREAK}"
    return f'"[^"]*(?:""[^"]*)*"|[^"{bare}][^{bare}]*|'


def _kind(head: bytes, kind: str) -> str:
    """Return what the file holds, from its beginning; `json` is decided to be an array or objects."""
    if len(head) < _HEAD and not head.removeprefix(_BOM).strip(b"\x00 \t\r\n"):
        raise BadFileError("it is empty", "export it again")
    for signature, (what, remedy) in _SIGNATURES.items():
        if head.startswith(signature) and (kind, what) != ("parquet", "Parquet"):
            raise BadFileError(f"wrong extension: it is {what}", remedy)
    if kind == "parquet":
        if not head.startswith(b"PAR1"):
            raise BadFileError("wrong extension: it is not Parquet", "name it after what it holds")
        return kind
    begin = head.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")[:4]
    if [byte == 0 for byte in begin] in ([True, False] * 2, [False, True] * 2):
        raise BadFileError("wrong extension: it is UTF-16 text", "save it as UTF-8")
    text = head.removeprefix(_BOM).decode(errors="replace").lstrip()
    if kind == "csv" and text.startswith(("[", "{")):
        raise BadFileError("wrong extension: it is JSON", "let its name end in .jsonl or .json")
    if kind == "json":
        if not text.startswith(("[", "{")):
            raise BadFileError("wrong extension: it is not JSON", "name it after what it holds")
        return "array" if text.startswith("[") else "objects"
    if kind == "lines" and _spans_lines(text):
        raise BadFileError("wrong extension: it is not one record a line", "let its name end in .json")
    return kind


def _spans_lines(text: str) -> bool:
    """Return whether a text begins with a JSON value of several lines, or with the array of a whole file.

    One bad line at the beginning is not that: what follows it must continue it.
    """
    decoder = JSONDecoder()
    first, _, rest = text.partition("\n")
    try:
        value, _ = decoder.raw_decode(first)
        return isinstance(value, list) and not rest.strip()
    except (JSONDecodeError, RecursionError):
        pass
    try:
        if not text.startswith("["):
            return "\n" in text[: decoder.raw_decode(text)[1]]
        start = len(text) - len(text[1:].lstrip())
        _, end = decoder.raw_decode(text, start)
        return text[end:].lstrip()[:1] in (",", "]")
    except (JSONDecodeError, RecursionError):
        return False


class _Archive:
    """What an archive holds, block by block and no more than is allowed: a few bytes can hold any number."""

    def __init__(self, stream: BinaryIO, most: int) -> None:
        self.stream, self.most, self.unpacked = stream, most, 0

    def read(self, size: int) -> bytes:
        block = self.stream.read(size)
        self.unpacked += len(block)
        if self.unpacked > self.most:
            raise too_large(self.most)
        return block


@contextmanager
def _opened(path: Path, compression: str, most: int) -> Iterator[BinaryIO | _Archive]:
    with _OPENERS[compression](path, "rb") as stream:
        yield _Archive(stream, most) if compression else stream


def _pass_on(path: Path, target: Path, compression: str, kind: str, most: int) -> None:
    """Put the text of a JSON or Parquet file at `target`, without the lone surrogates of JSON."""
    is_sound = kind == "parquet"
    if not compression and not is_sound:
        with path.open("rb") as stream:
            is_sound = all(without_lone_surrogates(part) is part for part in whole_escapes(stream))
    if not compression and is_sound:
        target.symlink_to(path)
        return
    with _opened(path, compression, most) as stream, target.open("wb") as copy:
        copy.writelines(map(without_lone_surrogates, whole_escapes(stream)))


def _pass_on_lines(path: Path, target: Path, compression: str, kind: str, head: bytes, most: int) -> Content:
    content = Content(kind)
    if kind == "csv":
        content = _csv_head(head.removeprefix(_BOM))
    is_marked = head.startswith(_BOM)
    if not compression and not is_marked:
        with path.open("rb") as stream:
            lines = _count_if_plain(stream, kind)
        if lines is not None:
            target.symlink_to(path)
            return replace(content, lines=lines)
    with _opened(path, compression, most) as stream, target.open("wb") as copy:
        if is_marked:
            stream.read(len(_BOM))
        lines = _copy_folded(stream, copy, content.delimiter) if kind == "csv" else _copy_lines(stream, copy)
        return replace(content, lines=lines)


def _csv_head(head: bytes) -> Content:
    """Return the header of a CSV and its delimiter, which a line `sep=;` before it may name."""
    lines = [line.decode(errors="replace") for line in head.splitlines()[:2]]
    if len(lines) == 2 and (named := _SEP_LINE.fullmatch(lines[0])):
        return Content("csv", None, lines[1], 2, named[1])
    return Content("csv", None, lines[0], 1, max(_DELIMITERS, key=lines[0].count))


def _blocks(stream: BinaryIO | _Archive) -> Iterator[tuple[bytes, bool]]:
    """Yield blocks of whole lines, every line end made \\n, and whether one was a carriage return of its own.

    Of a line longer than `MAX_RECORD` so much is kept that it still shows to be too long.
    """
    rest = b""
    while block := stream.read(_BLOCK):
        if block.endswith(b"\r"):
            block += stream.read(1)
        lone = b"\r" in block and block.count(b"\r") != block.count(b"\r\n")
        if b"\r" in block:
            block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if len(rest) > MAX_RECORD and b"\n" not in block:
            continue
        block = rest + block
        end = block.rfind(b"\n") + 1
        rest = block[end:][: MAX_RECORD + 1]
        if end:
            yield block[:end], lone
    if rest:
        yield rest, False


def _count_lines(block: bytes) -> int:
    return sum(1 for _ in BytesIO(block))  # three times as fast as to count the line ends


def _split(block: bytes) -> list[bytes]:
    return block.removesuffix(b"\n").split(b"\n") if block else []


def _is_plain(block: bytes, kind: str) -> bool:
    if len(block) > MAX_RECORD and max(map(len, _split(block))) > MAX_RECORD:
        return False
    if any(control in block for control in _UNREADABLE[kind]):
        return False
    if kind == "lines" and without_lone_surrogates(block) is not block:
        return False
    try:
        return block.isascii() or bool(block.decode())
    except UnicodeDecodeError:
        return False


def _count_if_plain(stream: BinaryIO, kind: str) -> int | None:
    """Return how many lines there are, or None if the engine could not read them as they are."""
    lines = 0
    for block, lone_return in _blocks(stream):
        folds = kind == "csv" and b'"' in block and any(line.count(b'"') % 2 for line in _split(block))
        if lone_return or folds or not _is_plain(block, kind):
            return None
        lines += _count_lines(block)
    return lines


def _copy_lines(stream: BinaryIO | _Archive, copy: BinaryIO) -> int:
    """Write a plain copy of JSON lines and return how many there are."""
    count = 0
    for block, _ in _blocks(stream):
        count += _count_lines(block)
        plain = _is_plain(block, "lines")
        copy.writelines([block] if plain else [_marked(line, "lines") + b"\n" for line in _split(block)])
    return count


def _copy_folded(stream: BinaryIO | _Archive, copy: BinaryIO, delimiter: str) -> int:
    """Write a plain copy of a CSV, each record on one line, and return how many lines it has."""
    count = 0
    lines = (line for block, _ in _blocks(stream) for line in _split(block))
    for count, line in enumerate(_folded(lines, delimiter), start=1):  # noqa: B007
        copy.write(_marked(line, "csv") + b"\n")
    return count


def _marked(line: bytes, kind: str) -> bytes:
    """Return a line, beginning with its flaw if it has one."""
    line = without_lone_surrogates(line) if kind == "lines" else line
    if not line or _is_plain(line, kind):
        return line
    flaw = NOT_UTF8
    if len(line) > MAX_RECORD:
        line, flaw = line[:_SHOWN], f"it is longer than {MAX_RECORD // 2**20} MB"
    else:
        held = [what for control, what in _CONTROLS_OF[kind].items() if control.encode() in line]
        flaw = f"it holds {held[0]}" if held else flaw
    text = line.decode(errors="replace").translate(dict.fromkeys(map(ord, _CONTROLS), "\ufffd"))
    return f"{FLAW}{flaw}{FLAW}{text}".encode()


def _folded(lines: Iterable[bytes], delimiter: str) -> Iterator[bytes]:
    """Yield each record of a CSV as one line, then an empty line for each further one it took.

    A quotation mark that opens but never properly closes takes no line with it: its own line stays as it is,
    to be refused, and the next begins afresh.
    """
    field = f"(?:{csv_field(delimiter)})"
    record = re.compile(f"{field}(?:[{delimiter}]{field})*".encode())
    held: list[bytes] = []
    size = 0
    for line in lines:
        odd = line.count(b'"') % 2
        if not held and not odd:
            yield line
            continue
        held.append(line)
        size = size * (len(held) > 1) + len(line) + _HELD
        if len(held) == 1 or not odd:
            if size > MAX_RECORD:
                yield from held
                held = []
            continue
        folded = FOLDED_LINE_BREAK.encode().join(held)
        if record.fullmatch(folded):
            yield folded
            yield from [b""] * (len(held) - 1)
            held = []
        else:
            yield from held[:-1]
            held, size = held[-1:], len(line) + _HELD
    yield from held
