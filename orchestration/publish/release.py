"""Turn the warehouse into a release: build it aside, verify it, swap it in, keep the last few.

Belongs here: what tells of a release, how it replaces the one before it, and how it is read. Does not: what
its tables are (see `tables`), whether the checks passed (see `verify`), how a report is measured (see
`reports.sql`), nor anything of Dagster.

`published/` holds `reports.duckdb`, `release.json` and, for each of the last releases, a folder
`releases/<release_id>/` with `<table>.parquet` and the two files again, to go back to. What is being built
has a name that begins with `.building-`; where a crash left it behind, the next run sweeps it away.
Where the warehouse only adds to what stands, the new release begins as a copy of the one before.
The swap of `reports.duckdb` is the publication: its macro `release()` says which release it is. Where
`release.json` says otherwise, a crash came between the two: the note in the release's own folder holds until
the next run writes both anew.
"""

import fcntl
import json
import logging
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import file_digest
from pathlib import Path

import duckdb

from orchestration.common.files import readable_by_others, sync
from orchestration.common.sql import quoted
from orchestration.publish.tables import QUALITY_RESULTS, TABLES, fill, lay_out, write_parquet
from orchestration.settings import PROJECT, Settings

REPORTS = (
    "report_overview",
    "report_overview_compared",
    "report_overview_by_day",
    "report_over_time",
    "report_origins_over_time",
    "report_trend",
    "report_by_hour",
    "report_heatmap",
    "report_by_agent",
    "report_by_tag",
    "report_by_tag_compared",
    "report_inbox",
    "report_details",
)
FILE = "reports.duckdb"
NOTE = "release.json"
MACROS = Path(__file__).with_name("reports.sql")
STORAGE = "v1.5.0"  # the oldest DuckDB that must be able to open a release
BUILDING = ".building-"
ID_TIME = "%Y%m%dT%H%M%SZ"
ID = re.compile(r"\d{8}T\d{6}Z-[0-9a-f]{8}")
# Names of columns, and of fields within them, that smell of personal data.
PERSONAL = re.compile(
    r"(?<![a-z])(e_?mail|phone|mobile|first_name|last_name|full_name|contact_name|from_number|to_number|address"
    r"|body|text|comment)(?![a-z])",
    re.IGNORECASE,
)

log = logging.getLogger(__name__)


class PublishError(Exception):
    """The release was not published and the one before it stands; the message says why and what to do."""


@dataclass(frozen=True)
class Release:
    """What `release.json` says about a release. Instants are ISO 8601 texts in UTC, of whole seconds.

    `data_through` is the time of the latest message; `accounts` gives it and the `time_zone` of each account.
    `checks` lists the names of the checks that `passed` and `warned`. `parquet` is relative to `published/`.
    `withdrawn` is the fingerprint of the later release that was rolled back, for this one to stand again.
    Of each file of its folder but the note, `digests` has the SHA-256 and `states` bytes and mtime_ns.
    """

    release_id: str
    published_at: str
    data_through: str | None
    accounts: dict[str, dict[str, str | None]]
    rows: dict[str, int]
    checks: dict[str, list[str]]
    source_files: int
    code_version: str
    fingerprint: str
    parquet: str
    withdrawn: str | None = None
    digests: dict[str, str] = field(default_factory=dict)
    states: dict[str, list[int]] = field(default_factory=dict)


def publish(
    settings: Settings,
    checks: Mapping[str, Sequence[str]],
    source_files: int,
    fingerprint: str,
    progress: Callable[[str], None] = log.info,
    base: str | None = None,
) -> Release:
    """Build a release of what is in the warehouse, verify it, swap it in, and return it.

    `checks` lists the names of the checks that `passed` and `warned`; `fingerprint` stands for the data and
    the code the warehouse was built of. Where it only added to what it was at the fingerprint `base`, and
    that is what is published, the release is made of the one before. Raises `PublishError` and leaves the
    current release as it was where the warehouse cannot be read, or the new release is not what it should be.
    """
    if not settings.warehouse_path.exists():
        raise PublishError(f"There is no warehouse at {settings.warehouse_path}: build the marts first.")
    published = settings.published_path
    with readable_by_others():
        (published / "releases").mkdir(parents=True, exist_ok=True)
    with readable_by_others(), _alone(published):
        before = current_release(settings) if base and not settings.outdated_path.exists() else None
        if before and (before.fingerprint != base or not is_intact(settings, before)):
            before = None
        return _publish(settings, checks, source_files, fingerprint, progress, before)


def _publish(
    settings: Settings,
    checks: Mapping[str, Sequence[str]],
    source_files: int,
    fingerprint: str,
    progress: Callable[[str], None],
    before: Release | None,
) -> Release:
    published = settings.published_path
    current = _published_id(settings)
    now = datetime.now(UTC)
    release_id = _next_id(published, current, now)  # after those, too, that are swept: a withdrawn one
    _sweep(published, current)
    file = published / f"{BUILDING}{release_id}.duckdb"
    folder = published / "releases" / f"{BUILDING}{release_id}"
    try:
        progress(f"Building release {release_id}" + (f" upon {before.release_id}" if before else ""))
        if before:
            shutil.copyfile(published / FILE, file)
        release, changed = _build(settings, file, release_id, now, checks, source_files, fingerprint, before)
        progress(f"Verifying {sum(release.rows.values()):,} rows and writing them as Parquet")
        _verify(settings, file, folder, release, changed, before)
        _link(file, folder / FILE)
        release = _sealed(release, folder, before)
        (folder / NOTE).write_text(_note(release))
        folder.rename(published / release.parquet)
        sync(published / "releases")
        _swap(published, file, release)
    except (duckdb.Error, OSError) as error:
        raise PublishError(f"Release {release_id} was not published: {error}") from error
    finally:
        _sweep(published, None)
    # After an erasure the older releases still hold who was erased.
    _prune(published / "releases", 1 if settings.outdated_path.exists() else settings.keep_releases)
    settings.outdated_path.unlink(missing_ok=True)
    progress(f"Published {release_id}, data through {release.data_through}")
    return release


def rollback(settings: Settings, release_id: str | None = None) -> Release:
    """Put a kept release back in place, by one swap: this one, else the last before the current; return it.

    The release that stood is kept until the next one is published; one that is damaged is no release to go
    back to, and none whose data the next run would refuse to publish again. Raises `PublishError` where
    there is no such release.
    """
    published, current = settings.published_path, current_release(settings)
    if current is None and not any(published.glob(f"releases/*/{FILE}")):
        raise PublishError(f"There is no release in {published} to go back to: run `make run`.")
    with readable_by_others(), _alone(published):
        kept = [path.name for path in _releases(published / "releases") if _is_sound(path, thoroughly=True)]
        earlier = [name for name in kept if current is None or name < current.release_id]
        wanted = release_id or max(earlier, default=None)
        if wanted not in kept:
            raise PublishError(
                f"{wanted or 'No earlier release'} is not among the kept ones that are whole"
                f" ({', '.join(kept) or 'none'}); CONVERSATIONS_KEEP_RELEASES says how many are kept."
            )
        folder = published / "releases" / wanted
        release = _read_note(folder / NOTE)
        if current and is_intact(settings, current):
            withdrawn = current.withdrawn or current.fingerprint
            release = replace(release, withdrawn=None if withdrawn == release.fingerprint else withdrawn)
        file = published / f"{BUILDING}{wanted}.duckdb"
        file.unlink(missing_ok=True)
        _link(folder / FILE, file)
        _swap(published, file, release)
    return release


def current_release(settings: Settings) -> Release | None:
    """Return the release that readers see; None, with a warning that says why, where it cannot be told."""
    published, release_id = settings.published_path, _published_id(settings)
    if release_id is None:
        if (published / FILE).exists():
            log.warning("%s cannot be read; run again, or go back by `make rollback`", published / FILE)
        return None
    # The file first: while a release is swapped in, its folder tells of it before `release.json` does.
    for path in (published / NOTE, published / "releases" / release_id / NOTE):
        release = _read_note(path)
        if release and release.release_id == release_id:
            return release
    log.warning("Nothing in %s tells of %s, which %s holds; run again", published, release_id, FILE)
    return None


def is_intact(settings: Settings, release: Release) -> bool:
    """Return whether all that was published of the current release is there, unchanged; warn where not.

    A file of the size and time that it was published with counts as unchanged; any other is read through.
    """
    published = settings.published_path
    file, folder = published / FILE, published / release.parquet
    is_whole = (
        _read_note(published / NOTE) == release
        and _is_sound(folder)
        and (FILE not in release.digests or _is_same(file, FILE, release))
    )
    if not is_whole:
        log.warning("Files of release %s are missing or damaged in %s", release.release_id, published)
    return is_whole


@contextmanager
def reader(settings: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection that stands in the current `reports.duckdb`, read-only.

    The file is attached, not connected to: within one process DuckDB gives a second connection to a path the
    file that the first one opened, even after a swap. Raises `duckdb.Error` where there is no readable file.
    No query on it, and no macro or view in the file, can open another file or change that.
    """
    limits = {"memory_limit": settings.memory_limit, "threads": settings.threads}
    with duckdb.connect(config=limits) as connection:
        connection.execute(f"attach {quoted(settings.published_path / FILE)} as reports (read_only)")
        connection.execute("use reports")
        connection.execute("set enable_progress_bar = false")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection


def _read_note(path: Path) -> Release | None:
    try:
        return Release(**json.loads(path.read_text()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        log.warning("%s cannot be read (%s); the next release writes it anew", path, error)
        return None


def _is_sound(folder: Path, thoroughly: bool = False) -> bool:
    """Return whether the folder of a release holds all its files as they were published."""
    release = _read_note(folder / NOTE)
    if release is None:
        return False
    try:
        return all(_is_same(folder / name, name, release, thoroughly) for name in release.digests)
    except OSError:
        return False


def _is_same(path: Path, name: str, release: Release, thoroughly: bool = False) -> bool:
    """Return whether a file is as it was published by this name. Raises `OSError` where there is none."""
    is_untouched = _state(path) == release.states.get(name)
    return (is_untouched and not thoroughly) or _digest(path) == release.digests[name]


def _state(path: Path) -> list[int]:
    state = path.stat()
    return [state.st_size, state.st_mtime_ns]


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()


def _published_id(settings: Settings) -> str | None:
    try:
        with reader(settings) as connection:
            return connection.execute("select release_id from release()").fetchone()[0]
    except duckdb.Error:
        return None


def _next_id(published: Path, current: str | None, now: datetime) -> str:
    """Return an id that sorts after every other, even where the clock went back."""
    known = [*(path.name for path in _releases(published / "releases")), *([current] if current else [])]
    latest = max((datetime.strptime(name[:16], ID_TIME).replace(tzinfo=UTC) for name in known), default=None)
    moment = max(now, latest + timedelta(seconds=1)) if latest else now
    return f"{moment:{ID_TIME}}-{secrets.token_hex(4)}"


def _build(
    settings: Settings,
    file: Path,
    release_id: str,
    now: datetime,
    checks: Mapping[str, Sequence[str]],
    source_files: int,
    fingerprint: str,
    before: Release | None,
) -> tuple[Release, dict[str, set[date]]]:
    """Write all but the Parquet; return the release and, of tables divided by months, those that changed."""
    with _connect(settings, file) as connection:
        connection.execute(f"attach {quoted(settings.warehouse_path)} as warehouse (read_only)")
        _require_tables(connection)
        changed = fill(connection, settings, adds=before is not None)
        accounts = _accounts(connection)
        data_through = [account["data_through"] for account in accounts.values() if account["data_through"]]
        release = Release(
            release_id=release_id,
            published_at=f"{now:%Y-%m-%dT%H:%M:%SZ}",
            data_through=max(data_through, default=None),
            accounts=accounts,
            rows={table: _count(connection, f"warehouse.marts.{table}") for table in TABLES}
            | {QUALITY_RESULTS: _count(connection, QUALITY_RESULTS)},
            checks={outcome: sorted(checks.get(outcome, ())) for outcome in ("passed", "warned")},
            source_files=source_files,
            code_version=_code_version(),
            fingerprint=fingerprint,
            parquet=f"releases/{release_id}",
        )
        connection.execute(_release_macro(release))
        lay_out(connection, adds=before is not None)
        connection.execute(MACROS.read_text())
        connection.execute("detach warehouse")
        connection.execute("checkpoint")
    return release, changed


def _connect(settings: Settings, file: Path, **options: bool) -> duckdb.DuckDBPyConnection:
    limits = {"memory_limit": settings.memory_limit, "threads": settings.threads}
    return duckdb.connect(file, config={**limits, "storage_compatibility_version": STORAGE}, **options)


def _require_tables(connection: duckdb.DuckDBPyConnection) -> None:
    found = connection.execute(
        "select distinct table_name from duckdb_columns()"
        " where database_name = 'warehouse' and schema_name = 'marts'"
    ).fetchall()
    missing = TABLES.keys() - {name for (name,) in found}
    if missing:
        raise PublishError(
            f"The warehouse lacks marts.{', marts.'.join(sorted(missing))}: build the marts first."
        )


def _accounts(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, str | None]]:
    """Write the macro `_accounts()` (zones, CSAT scales); return each account's zone and latest message."""
    rows = connection.execute(
        """
        select account_id, time_zone, coalesce(satisfied_from, 4), coalesce(dissatisfied_to, 2),
            strftime(latest, '%Y-%m-%dT%H:%M:%SZ')
        from warehouse.seeds.accounts
        left join warehouse.seeds.csat_scales using (platform)
        left join (select account_id, max(sent_at) as latest from fct_messages group by account_id)
            using (account_id)
        order by account_id
        """
    ).fetchall()
    values = ", ".join(
        f"({quoted(account)}, {quoted(zone)}, {high}, {low})" for account, zone, high, low, _ in rows
    )
    connection.execute(
        f"create or replace macro _accounts() as table"
        f" from (values {values}) as t(account_id, time_zone, satisfied_from, dissatisfied_to)"
    )
    return {account: {"time_zone": zone, "data_through": latest} for account, zone, _, _, latest in rows}


def _release_macro(release: Release) -> str:
    """Return the SQL of `release()`, the table of one row that says which release a file is."""
    return f"""create or replace macro release() as table select
        {quoted(release.release_id)} as release_id,
        {quoted(release.published_at)}::timestamp as published_at,
        {quoted(release.data_through)}::timestamp as data_through,
        {release.source_files}::bigint as source_files,
        {len(release.checks["passed"])} as checks_passed,
        {len(release.checks["warned"])} as checks_warned,
        {quoted(release.code_version)} as code_version,
        {quoted(release.fingerprint)} as fingerprint,
        {quoted(release.parquet)} as parquet"""


def _verify(
    settings: Settings,
    file: Path,
    folder: Path,
    release: Release,
    changed: Mapping[str, set[date]],
    before: Release | None,
) -> None:
    """Read the new file as a reader will, write its Parquet; raise `PublishError` at what should not be."""
    folder.mkdir()

    def link_before(path: Path) -> bool:
        kept = before and settings.published_path / before.parquet / path.relative_to(folder)
        if kept and kept.exists():
            _link(kept, path)
        return path.exists()

    with _connect(settings, file, read_only=True) as connection:
        columns = connection.execute(
            "select table_name || '.' || column_name, column_name || ' ' || data_type from duckdb_columns()"
            " where not internal"
        ).fetchall()
        personal = [column for column, described in columns if PERSONAL.search(described)]
        if personal:
            raise PublishError(
                f"{', '.join(personal)}: by its name it holds personal data, which is never published."
                " Take it out of the mart, or give it a name that says what it is."
            )
        for table, expected in release.rows.items():
            path = write_parquet(connection, table, folder, changed.get(table, set()), link_before)
            counts = _count(connection, table), _count(connection, f"read_parquet({quoted(path)})")
            if counts != (expected, expected):
                raise PublishError(
                    f"{table}: {counts[0]} rows in the release and {counts[1]} in its Parquet,"
                    f" expected the {expected} of the warehouse."
                )
        day = (release.data_through or release.published_at)[:10]
        for report in REPORTS:
            connection.execute(f"from {report}('{day}', '{day}')").fetchone()
    file.chmod(0o444)
    sync(file)
    sync(folder)


def _note(release: Release) -> str:
    return json.dumps(asdict(release), indent=2) + "\n"


def _sealed(release: Release, folder: Path, before: Release | None) -> Release:
    """Return the release with the digests of its files; those of the release before are known."""
    files = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    states = {name: _state(path) for name, path in files.items()}
    same = {name for name in files if before and before.states.get(name) == states[name]}
    digests = {name: before.digests[name] if name in same else _digest(files[name]) for name in files}
    return replace(release, digests=digests, states=states)


def _link(file: Path, name: Path) -> None:
    """Give a file a second name, or where the file system has no such thing, a copy."""
    try:
        name.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, name)


def _swap(published: Path, file: Path, release: Release) -> None:
    """Make the file what readers see, and then the note that tells of it."""
    note = published / f"{BUILDING}{release.release_id}.json"
    note.write_text(_note(release))
    sync(note)
    file.replace(published / FILE)
    note.replace(published / NOTE)
    sync(published)


@contextmanager
def _alone(published: Path) -> Iterator[None]:
    """Let one process at a time change what is published; another waits for it."""
    folder = os.open(published, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _releases(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if ID.fullmatch(path.name))


def _sweep(published: Path, current: str | None) -> None:
    """Remove what a crash left: the half-built and, given the current release, folders that it outran."""
    orphans = [path for path in _releases(published / "releases") if current and path.name > current]
    for path in [*published.glob(f"{BUILDING}*"), *published.glob(f"releases/{BUILDING}*"), *orphans]:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _prune(folder: Path, keep: int) -> None:
    for path in _releases(folder)[:-keep]:
        shutil.rmtree(path)


def _count(connection: duckdb.DuckDBPyConnection, source: str) -> int:
    return connection.execute(f"select count(*) from {source}").fetchone()[0]


def _code_version() -> str:
    """Return the commit of the code, `-dirty` where files differ from it; `unknown` outside a checkout."""
    try:
        command = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
