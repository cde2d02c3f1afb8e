"""The seeds as a run uses them. Every file is validated first, and each error has a line and a column.

Belongs here: reading the CSV files, the valid values of each column, and the accounts, scales and erasures.
Does not: the use of the seeds in dbt, nor references between seeds (dbt tests).

dbt reads the same files without these rules: a short row or a blank line becomes nulls. So both are errors.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import NoReturn
from zoneinfo import available_timezones

import duckdb

from orchestration.common.sql import printable
from orchestration.ingest.platforms import PLATFORMS
from orchestration.ingest.platforms.schema import Platform
from orchestration.settings import SettingsError

DEFAULT_SCALE = (1, 5)
# An account id is the name of folders and pages, and the prefix (before a colon) of every other id.
_ACCOUNT_ID = re.compile(r"[^./\\:\s][^/\\:\s]{0,99}")
_ACCOUNT_BYTES = 200  # a file name has at most 255: that of a report adds the period and the language
_CLOCK = re.compile(r"([01]?\d|2[0-3]):[0-5]\d")


@dataclass(frozen=True)
class Account:
    """A tenant: the platform of its exports, and the time zone of times without an offset."""

    account_id: str
    platform: Platform
    time_zone: str


@dataclass(frozen=True)
class Erasure:
    """A contact to erase, and its line in the seed."""

    line: int
    account_id: str
    platform: str
    contact_id: str


@dataclass(frozen=True)
class Seeds:
    """The seeds of an ingest: accounts by id, rating scales by platform, contacts to erase."""

    accounts: dict[str, Account]
    rating_scales: dict[str, tuple[int, int]]
    erasures: list[Erasure]


@dataclass(frozen=True)
class _Column:
    """The validation of a column: whether a value is valid, and a description of the valid values."""

    is_valid: Callable[[str], bool]
    expected: Callable[[], str]
    optional: bool = False
    is_shown: bool = True


@dataclass(frozen=True)
class _Seed:
    """The columns of a seed, the columns that identify a row, and whether the file is required."""

    columns: dict[str, _Column]
    key: tuple[str, ...] = ()
    required: bool = False
    blanks_allowed: bool = field(default=False)


def read_seeds(folder: Path) -> Seeds:
    """Return the validated seeds of this folder.

    Raises `SettingsError` for the first error, with file, line, column and the expected value.
    """
    rows = {name: list(_rows(folder / name, seed)) for name, seed in _SEEDS.items()}
    accounts = {
        row["account_id"]: Account(row["account_id"], PLATFORMS[row["platform"]], row["time_zone"])
        for _, row in rows["accounts.csv"]
    }
    # A target of an unknown account has no effect; a dbt test warns about it.
    for line, row in rows["erasures.csv"]:
        if (account := row["account_id"].strip()) not in accounts:
            known = ", ".join(accounts) or "none"
            expected = f"an account of accounts.csv (known: {known})"
            _fail(folder / "erasures.csv", line, "account_id", account, expected)
    return Seeds(
        accounts, _rating_scales(folder, rows["csat_scales.csv"]), _erasures(rows["erasures.csv"], accounts)
    )


def _rating_scales(folder: Path, rows: list[tuple[int, dict[str, str]]]) -> dict[str, tuple[int, int]]:
    scales = dict.fromkeys(PLATFORMS, DEFAULT_SCALE)
    order = ("rating_min", "dissatisfied_to", "satisfied_from", "rating_max")
    for line, row in rows:
        steps = [int(row[name]) for name in order if row.get(name)]
        if sorted(steps) != steps or steps[0] == steps[-1]:
            _fail(
                folder / "csat_scales.csv", line, "rating_max", row["rating_max"], "more than the lower steps"
            )
        scales[row["platform"]] = int(row["rating_min"]), int(row["rating_max"])
    return scales


def _erasures(rows: list[tuple[int, dict[str, str]]], accounts: dict[str, Account]) -> list[Erasure]:
    erasures: dict[tuple[str, str], Erasure] = {}
    for line, row in rows:
        account_id = row["account_id"].strip()
        platform = accounts[account_id].platform.name
        contact_id = row["contact_id"].strip().lstrip("+")  # phone numbers occur with and without it
        erasures.setdefault((account_id, contact_id), Erasure(line, account_id, platform, contact_id))
    return list(erasures.values())


def _rows(path: Path, seed: _Seed) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows of a seed, each with its line number."""
    if not path.is_file():
        if seed.required:
            raise SettingsError(f"{path}: the seed is missing; restore it from the repository")
        return
    reader = csv.reader(io.StringIO(_text(path), newline=None), strict=True)
    try:
        header = next(reader, [])
        _check_header(path, header, seed)
        lines: dict[tuple[str, ...], int] = {}
        for values in reader:
            line = reader.line_num
            if len(values) != len(header):
                found = f"has {len(values)} values, the header {len(header)}" if values else "is blank"
                remedy = "write one value for each column" if values else "remove it"
                raise SettingsError(f"{path}: line {line} {found}; {remedy}")
            row = dict(zip(header, values, strict=True))
            _check_values(path, line, row, seed)
            key = tuple(row[name] for name in seed.key)
            if key and lines.setdefault(key, line) != line:
                raise SettingsError(
                    f"{path}: line {line} repeats line {lines[key]} ({', '.join(key)}); remove one of them"
                )
            yield line, row
    except csv.Error as error:
        raise SettingsError(
            f"{path}: line {reader.line_num}: it is not valid CSV ({error}); quote values that contain a"
            " comma or a quotation mark, and double the quotation marks inside"
        ) from None


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{path}: it cannot be opened ({error.strerror}); let this user read it"
        ) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len((content[: error.start] + b"?").splitlines())
        raise SettingsError(f"{path}: line {line} is not UTF-8; save the file as CSV UTF-8") from None


def _check_header(path: Path, header: list[str], seed: _Seed) -> None:
    missing = [name for name, column in seed.columns.items() if not column.optional and name not in header]
    if missing:
        raise SettingsError(
            f"{path}: line 1: the header has no columns {', '.join(missing)} (it has {', '.join(header)});"
            " add them, separated by commas"
        )
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise SettingsError(f"{path}: line 1: the header has {', '.join(twice)} twice; remove one")


def _check_values(path: Path, line: int, row: dict[str, str], seed: _Seed) -> None:
    for name, column in seed.columns.items():
        value = row.get(name, "")
        if seed.blanks_allowed:
            value = value.strip()
        elif value != value.strip():
            _fail(path, line, name, value, "a value without surrounding blanks")
        if (value or not column.optional) and not column.is_valid(value):
            _fail(path, line, name, value if column.is_shown else None, column.expected())


def _fail(path: Path, line: int, column: str, value: str | None, expected: str) -> NoReturn:
    found = "this value is invalid" if value is None else f"{value!r} is invalid"
    raise SettingsError(f"{path}: line {line}, column {column}: {found}; expected {expected}")


@cache
def zones() -> frozenset[str]:
    """Return the time zones that both Python and the engine support, without machine-specific ones."""
    with duckdb.connect() as con:
        known = {name for (name,) in con.execute("SELECT name FROM pg_timezone_names()").fetchall()}
    return frozenset(known & available_timezones()) - {"localtime", "Factory"}


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"\d{1,9}", text, re.ASCII))


def _one_of(*values: str, optional: bool = False) -> _Column:
    return _Column(lambda text: text in values, lambda: f"one of {', '.join(values)}", optional)


def _like(is_valid: Callable[[str], bool], expected: str, **more: bool) -> _Column:
    return _Column(is_valid, lambda: expected, **more)


def _is_account_id(text: str) -> bool:
    return (
        bool(_ACCOUNT_ID.fullmatch(text)) and printable(text) == text and len(text.encode()) <= _ACCOUNT_BYTES
    )


_ACCOUNT = _like(
    _is_account_id,
    f"at most 100 characters ({_ACCOUNT_BYTES} bytes) without blanks, / \\ or :, not starting with a period",
)
_PLATFORM = _Column(lambda text: text in PLATFORMS, lambda: f"one of {', '.join(PLATFORMS)}")
_FILLED = _like(bool, "a value")
_NUMBER = _like(_is_number, "a whole number")
_OPTIONAL_NUMBER = _like(_is_number, "a whole number", optional=True)
_DATE = _like(_is_date, "a date as YYYY-MM-DD")

_SEEDS = {
    "accounts.csv": _Seed(
        {
            "account_id": _ACCOUNT,
            "platform": _PLATFORM,
            "time_zone": _like(
                lambda text: text in zones(), "a zone of the IANA database, such as Europe/Rome"
            ),
            "api_messages": _one_of("automation", "people", optional=True),
        },
        key=("account_id",),
        required=True,
    ),
    "working_hours.csv": _Seed(
        {
            "account_id": _ACCOUNT,
            "iso_weekday": _like(
                lambda text: text in tuple("1234567"), "a number from 1 (Monday) to 7 (Sunday)"
            ),
            "opens_at": _like(lambda text: bool(_CLOCK.fullmatch(text)), "a time such as 09:00"),
            "closes_at": _like(
                lambda text: bool(_CLOCK.fullmatch(text)) or text == "24:00",
                "a time such as 18:00, up to 24:00",
            ),
        }
    ),
    "holidays.csv": _Seed({"account_id": _ACCOUNT, "holiday_on": _DATE}),
    "sla_targets.csv": _Seed(
        {
            "account_id": _ACCOUNT,
            "measure": _one_of("first_response", "reply", "resolution"),
            "target_minutes": _NUMBER,
            "clock": _one_of("calendar", "working"),
        },
        key=("account_id", "measure"),
    ),
    "csat_scales.csv": _Seed(
        {
            "platform": _PLATFORM,
            "rating_min": _NUMBER,
            "rating_max": _NUMBER,
            "satisfied_from": _OPTIONAL_NUMBER,
            "dissatisfied_to": _OPTIONAL_NUMBER,
        },
        key=("platform",),
    ),
    "conversation_origins.csv": _Seed(
        {"platform": _PLATFORM, "source": _FILLED, "origin": _one_of("flow", "inbox", "inbound", "other")},
        key=("platform", "source"),
    ),
    "conversation_statuses.csv": _Seed(
        {
            "platform": _PLATFORM,
            "source_status": _FILLED,
            "status": _one_of("not_contacted", "in_flow", "new", "in_progress", "closed"),
        },
        key=("platform", "source_status"),
    ),
    "delivery_statuses.csv": _Seed(
        {
            "platform": _PLATFORM,
            "source_status": _FILLED,
            "delivery_status": _one_of(
                "queued", "sent", "delivered", "read", "failed", "deleted", "received"
            ),
        },
        key=("platform", "source_status"),
    ),
    "erasures.csv": _Seed(
        {
            "account_id": _FILLED,
            "contact_id": _like(
                lambda text: bool(text.lstrip("+")), "the contact's id on the platform", is_shown=False
            ),
            "requested_on": _DATE,
        },
        blanks_allowed=True,
    ),
}
