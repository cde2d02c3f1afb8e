"""The bytes of one file: its id, its format, and its text as lines that the engine can read.

Belongs here: everything that reads bytes, and rejecting files that cannot be read (`BadFileError`). Does not:
the meaning of the lines (`readers`, `typing`).

DuckDB reads lines fast but not every line: invalid UTF-8 stops it, and a lone carriage return shifts its line
numbers. So a plain file is passed on as a link. Others are copied with the same line numbers, and every
unreadable line of the copy begins with its flaw (see `FLAW`).
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
FLAW = "\x1f"  # encloses the flaw at the beginning of a line
UNUSED_DELIMITER = "\x1e"  # occurs in no plain line; the delimiter when a line is read as one column
FOLDED_LINE_BREAK = "\x1d"  # replaces a line break in a quoted CSV value

_CONTROLS = {FLAW: "a control character", UNUSED_DELIMITER: "a control character", "\x00": "a NUL byte"}
# JSON lines must not contain these either: the engine would trim them like blanks.
_CONTROLS_OF = {"csv": _CONTROLS, "lines": _CONTROLS | dict.fromkeys("\v\f", "a control character")}
_UNREADABLE = {kind: [control.encode() for control in controls] for kind, controls in _CONTROLS_OF.items()}
_HEAD = 2**20  # bytes that determine the format of a file
_BLOCK = 2**18  # bytes per block, fits in the processor's cache
_SHOWN = 1000  # bytes kept of a line that is too long
_LINE_OVERHEAD = 32  # bytes of memory per buffered line, in addition to its content
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
    "it contains a control character": "write the record without it",
    "it contains a NUL byte": "write the record without it",
}


class BadFileError(Exception):
    """A file that cannot be loaded. The arguments are the reason, the remedy and, optionally, a quote."""


@dataclass(frozen=True)
class Content:
    """The detected format of a file.

    - `kind`: lines, csv, array, objects or parquet
    - `lines`: number of physical lines, for files that are read by line
    - `header`: line of a CSV with the column names
    - `header_lines`: number of lines of a CSV up to and including the header
    - `delimiter`: delimiter of a CSV
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
    """Put a file's text at `target`: a link if the engine can read its bytes, else a plain copy.

    Raises `BadFileError` if the file cannot be read or expands to more than `most` bytes, and `OSError` if it
    cannot be opened or the copy cannot be written. It leaves nothing at `target` then.
    """
    try:
        return _prepare(path, target, most)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def too_large(most: int) -> BadFileError:
    """Return the error for a file that expands to more than `most` bytes."""
    return BadFileError(
        f"it expands to more than {most / 2**30:g} GB",
        "split it, or raise CONVERSATIONS_MAX_UNPACKED_GB and drop it again",
    )


def _prepare(path: Path, target: Path, most: int) -> Content:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compression = suffixes.pop() if suffixes and suffixes[-1] in (".gz", ".zst") else ""
    kind = _KINDS.get(suffixes[-1] if suffixes else "")
    if kind is None or (kind == "parquet" and compression):
        raise BadFileError(
            "wrong extension: not a supported export format",
            "name it .jsonl, .ndjson, .json or .csv (each also with .gz or .zst), or .parquet",
        )
    try:
        with _opened(path, compression, most) as stream:
            head = stream.read(_HEAD)
        kind = _kind(head, kind)
        if kind in ("lines", "csv"):
            return _write_lines(path, target, compression, kind, head, most)
        _write_text(path, target, compression, kind, most)
    except _DAMAGE as error:
        cut = isinstance(error, EOFError)
        reason = (
            f"its {compression} archive is truncated"
            if cut
            else f"it is not a valid {compression} archive ({error})"
        )
        raise BadFileError(reason, "export or copy it again") from None
    return Content(kind)


def csv_field(delimiter: str) -> str:
    """Return the regular expression of a CSV field: quoted, bare (with quotation marks inside), or empty."""
    bare = f"{delimiter}{FOLDED_LINE_BREAK}"
    return f'"[^"]*(?:""[^"]*)*"|[^"{bare}][^{bare}]*|'


def _kind(head: bytes, kind: str) -> str:
    """Return the kind of a file, detected from its first bytes. Kind `json` becomes array or objects."""
    if len(head) < _HEAD and not head.removeprefix(_BOM).strip(b"\x00 \t\r\n"):
        raise BadFileError("it is empty", "export it again")
    for signature, (what, remedy) in _SIGNATURES.items():
        if head.startswith(signature) and (kind, what) != ("parquet", "Parquet"):
            raise BadFileError(f"wrong extension: it is {what}", remedy)
    if kind == "parquet":
        if not head.startswith(b"PAR1"):
            raise BadFileError("wrong extension: it is not Parquet", "use the extension of its format")
        return kind
    begin = head.removeprefix(b"\xff\xfe").removeprefix(b"\xfe\xff")[:4]
    if [byte == 0 for byte in begin] in ([True, False] * 2, [False, True] * 2):
        raise BadFileError("wrong extension: it is UTF-16 text", "save it as UTF-8")
    text = head.removeprefix(_BOM).decode(errors="replace").lstrip()
    if kind == "csv" and text.startswith(("[", "{")):
        raise BadFileError("wrong extension: it is JSON", "let its name end in .jsonl or .json")
    if kind == "json":
        if not text.startswith(("[", "{")):
            raise BadFileError("wrong extension: it is not JSON", "use the extension of its format")
        return "array" if text.startswith("[") else "objects"
    if kind == "lines" and _spans_lines(text):
        raise BadFileError("wrong extension: not one record per line", "let its name end in .json")
    return kind


def _spans_lines(text: str) -> bool:
    """Return whether a text begins with a JSON value of several lines, or with the array of a whole file.

    One invalid line at the beginning is neither: the next line must continue it.
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
    """The expanded content of an archive, limited in size: a small archive can expand to any size."""

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


def _write_text(path: Path, target: Path, compression: str, kind: str, most: int) -> None:
    """Put the text of a JSON or Parquet file at `target`, with lone surrogates replaced."""
    is_plain = kind == "parquet"
    if not compression and not is_plain:
        with path.open("rb") as stream:
            is_plain = all(without_lone_surrogates(part) is part for part in whole_escapes(stream))
    if not compression and is_plain:
        target.symlink_to(path)
        return
    with _opened(path, compression, most) as stream, target.open("wb") as copy:
        copy.writelines(map(without_lone_surrogates, whole_escapes(stream)))


def _write_lines(path: Path, target: Path, compression: str, kind: str, head: bytes, most: int) -> Content:
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
    """Return the header and the delimiter of a CSV, which a first line `sep=;` can define."""
    lines = [line.decode(errors="replace") for line in head.splitlines()[:2]]
    if len(lines) == 2 and (named := _SEP_LINE.fullmatch(lines[0])):
        return Content("csv", None, lines[1], 2, named[1])
    return Content("csv", None, lines[0], 1, max(_DELIMITERS, key=lines[0].count))


def _blocks(stream: BinaryIO | _Archive) -> Iterator[tuple[bytes, bool]]:
    """Yield blocks of whole lines with all line ends as \\n, and whether a block had a lone carriage return.

    A line longer than `MAX_RECORD` is truncated, but stays longer than `MAX_RECORD`.
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
    return sum(1 for _ in BytesIO(block))  # three times as fast as counting line ends


def _split(block: bytes) -> list[bytes]:
    return block.removesuffix(b"\n").split(b"\n") if block else []


def _is_plain(block: bytes, kind: str) -> bool:
    if len(block) > MAX_RECORD and max(map(len, _split(block))) > MAX_RECORD:
        return False
    if any(control in block for control in _UNREADABLE[kind]):
        return False
    if kind == "lines" and (_begins_with_bom(block) or without_lone_surrogates(block) is not block):
        return False
    try:
        return block.isascii() or bool(block.decode())
    except UnicodeDecodeError:
        return False


def _begins_with_bom(block: bytes) -> bool:
    """Return whether a line begins with a byte order mark, as after joining files."""
    return block.startswith(_BOM) or b"\n" + _BOM in block


def _count_if_plain(stream: BinaryIO, kind: str) -> int | None:
    """Return the number of lines, or None if the engine cannot read them unchanged."""
    lines = 0
    for block, lone_return in _blocks(stream):
        folds = kind == "csv" and b'"' in block and any(line.count(b'"') % 2 for line in _split(block))
        if lone_return or folds or not _is_plain(block, kind):
            return None
        lines += _count_lines(block)
    return lines


def _copy_lines(stream: BinaryIO | _Archive, copy: BinaryIO) -> int:
    """Write a plain copy of JSON lines, and return their number."""
    count = 0
    for block, _ in _blocks(stream):
        count += _count_lines(block)
        plain = _is_plain(block, "lines")
        copy.writelines([block] if plain else [_marked(line, "lines") + b"\n" for line in _split(block)])
    return count


def _copy_folded(stream: BinaryIO | _Archive, copy: BinaryIO, delimiter: str) -> int:
    """Write a plain copy of a CSV, each record on one line, and return the number of lines."""
    count = 0
    lines = (line for block, _ in _blocks(stream) for line in _split(block))
    for count, line in enumerate(_folded(lines, delimiter), start=1):  # noqa: B007
        copy.write(_marked(line, "csv") + b"\n")
    return count


def _marked(line: bytes, kind: str) -> bytes:
    """Return a line, preceded by its flaw if it has one."""
    line = without_lone_surrogates(line.removeprefix(_BOM)) if kind == "lines" else line
    if not line or _is_plain(line, kind):
        return line
    flaw = NOT_UTF8
    if len(line) > MAX_RECORD:
        line, flaw = line[:_SHOWN], f"it is longer than {MAX_RECORD // 2**20} MB"
    else:
        controls = [name for control, name in _CONTROLS_OF[kind].items() if control.encode() in line]
        flaw = f"it contains {controls[0]}" if controls else flaw
    text = line.decode(errors="replace").translate(dict.fromkeys(map(ord, _CONTROLS), "\ufffd"))
    return f"{FLAW}{flaw}{FLAW}{text}".encode()


def _folded(lines: Iterable[bytes], delimiter: str) -> Iterator[bytes]:
    """Yield each record of a CSV as one line, followed by an empty line for each further line it spans.

    A quotation mark that is never closed affects only its own line: that line is yielded unchanged, to be
    rejected, and the next line starts a new record.
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
        size = size * (len(held) > 1) + len(line) + _LINE_OVERHEAD
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
            held, size = held[-1:], len(line) + _LINE_OVERHEAD
    yield from held
