"""Forgetting contacts: those listed in `erasures.csv` vanish from what was taken in, and from what comes in.

Belongs here: the list, the pseudonym that takes the place of an erased contact, and what is emptied. Does
not: which field names a contact (`platforms`), nor what is made of the raw files: the warehouse is built anew
from them, and the next release takes the older ones with it (`publish`).

Of an erased contact a pseudonym stays in the place of its id, so that all is counted as before; what
describes the contact goes. Of a refused record that mentions the contact the row stays and the text goes. The
pseudonym is a keyed hash: the same whenever and however often an export brings the contact, and without the
key nobody can tell whose it is.

A file is replaced as a whole, and the marker that all was done is written last: after a crash the next run
looks through the files again and rewrites those that still hold somebody.
"""

import hmac
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import duckdb

from orchestration.common import files
from orchestration.common.candidate_files import discard_candidate
from orchestration.common.sql import parquet, quoted
from orchestration.ingest.parsing.typing import named
from orchestration.ingest.platforms import PLATFORMS
from orchestration.ingest.platforms.schema import Entity
from orchestration.ingest.raw_store import ledger
from orchestration.ingest.seeds import Erasure
from orchestration.settings import Settings

SEED = "erasures.csv"
PSEUDONYM = "erased-"
LEAST_TELLING_ID = 6  # a shorter one stands in many a file's name by chance

# Whatever a refused record says, its id as a whole word is enough: rather a text too many than one too few.
_MENTIONED = r"""
    rows.account_id = erasures.account_id
    AND (
        contains(concat_ws(' ', raw, value), contact_id) AND regexp_matches(concat_ws(' ', raw, value), word)
        OR list_contains(try(json_extract_string(raw, ['$.id', '$.contact'])), contact_id)
    )"""


def is_applied(settings: Settings, erasures: list[Erasure]) -> bool:
    """Return whether everything that was taken in has been looked through for just these contacts."""
    marker = settings.erasures_path
    return _digest(settings, erasures) == (marker.read_text() if marker.exists() else "")


def apply(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    erasures: list[Erasure],
    work: Path,
    progress: Callable[[str], None],
) -> None:
    """Erase the listed contacts from all that was taken in, unless that was done; have `screen` know them.

    What was built from these files goes too: the candidate at once, since a DuckDB file keeps deleted rows in
    its free blocks; older releases, by a note to `publish`, with the next one.
    """
    _tabulate(con, settings, erasures)
    if is_applied(settings, erasures):
        return
    folders = [*_entities(settings), settings.rejected_path]
    due = [
        (path, folder) for folder in folders for path in _holding(con, settings, folder, folder / "*.parquet")
    ]
    if due or settings.outdated_path.exists():
        settings.outdated_path.touch()
        progress(f"{len(erasures)} contacts to forget: {len(due)} files are written anew")
        for path, folder in due:
            _rewrite(con, settings, path, folder, work)
        discard_candidate(settings)
    written = work / "erasures"
    written.write_text(_digest(settings, erasures))
    files.replace(written, settings.erasures_path)


def screen(
    con: duckdb.DuckDBPyConnection, settings: Settings, outputs: list[tuple[Path, Path]], work: Path
) -> None:
    """Erase the listed contacts from the files of a batch, before these are put into their folders."""
    for written, folder in outputs:
        if _holding(con, settings, folder, written):
            _rewrite(con, settings, written, folder, work)


def doubts(settings: Settings, erasures: list[Erasure]) -> list[str]:
    """Return a sentence for each line of the list that met nobody, or an id where it cannot be erased.

    The sentences name lines and never a contact, since they are kept in logs.
    """
    if not erasures:
        return []
    seen = " UNION ALL ".join(
        f"SELECT {named(field)} AS contact_id FROM {parquet(folder / '*.parquet')}"
        for folder, entity in _entities(settings).items()
        for field in entity.contact_fields
    )
    with duckdb.connect() as con:
        _tabulate(con, settings, erasures)
        unmet = con.execute(f"""
            SELECT line, account_id FROM erasures
            WHERE pseudonym NOT IN (SELECT contact_id FROM ({seen}) WHERE contact_id LIKE '{PSEUDONYM}%')
            ORDER BY line""").fetchall()
        in_names = con.execute(f"""
            SELECT line, rows.account_id, count(DISTINCT file)
            FROM {parquet(ledger.ledger_folder(settings) / "*.parquet")} AS rows JOIN erasures
                ON rows.account_id = erasures.account_id AND length(contact_id) >= {LEAST_TELLING_ID}
                AND regexp_matches(file, word)
            GROUP BY ALL ORDER BY line""").fetchall()
    return [
        f"{SEED} line {line}: nothing of account {account} names this contact; is the id the platform's?"
        for line, account in unmet
    ] + [
        f"{SEED} line {line}: the names of {files} files of account {account} hold this id; rename them and"
        " start over with make clean"
        for line, account, files in in_names
    ]


def _tabulate(con: duckdb.DuckDBPyConnection, settings: Settings, erasures: list[Erasure]) -> None:
    """Make the list the table `erasures`; `word` is the pattern of the id where it stands as a whole word."""
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE erasures AS
        SELECT *, '(^|[^\\pL\\pN])' || regexp_escape(contact_id) || '([^\\pL\\pN]|$)' AS word
        FROM (SELECT unnest(CAST($lines AS BIGINT[])) AS line,
            unnest(CAST($accounts AS VARCHAR[])) AS account_id,
            unnest(CAST($contacts AS VARCHAR[])) AS contact_id,
            unnest(CAST($pseudonyms AS VARCHAR[])) AS pseudonym, CAST($salt AS VARCHAR) AS salt)""",
        {
            "lines": [erasure.line for erasure in erasures],
            "accounts": [erasure.account_id for erasure in erasures],
            "contacts": [erasure.contact_id for erasure in erasures],
            "pseudonyms": [_pseudonym(settings, f"{e.account_id}:{e.contact_id}") for e in erasures],
            "salt": _pseudonym(settings, "ids of messages"),
        },
    )


def _holding(con: duckdb.DuckDBPyConnection, settings: Settings, folder: Path, files: Path) -> list[Path]:
    """Return those of the files, which are or will be of this folder, that hold a contact to forget."""
    entity = _entities(settings).get(folder)
    if entity is None and folder != settings.rejected_path:
        return []
    met = " OR ".join(_named(entity, field) for field in entity.contact_fields) if entity else _MENTIONED
    return ledger.holding(con, files, f"JOIN erasures ON {met}")


def _rewrite(
    con: duckdb.DuckDBPyConnection, settings: Settings, path: Path, folder: Path, work: Path
) -> None:
    """Write the file anew without the contacts to forget, with as many rows as before."""
    rows = parquet(path)
    entity = _entities(settings).get(folder)
    if entity is None:
        mentioned = f"EXISTS (SELECT 1 FROM erasures WHERE {_MENTIONED})"
        select = f"SELECT rows.* REPLACE ({_emptied(['raw', 'value'], mentioned)}) FROM {rows} AS rows"
    else:
        select = _without_contacts(con, entity, rows)
    ledger.rewrite(con, path, select, work)


def _without_contacts(con: duckdb.DuckDBPyConnection, entity: Entity, rows: str) -> str:
    joins, replaced, salts = "", [], []
    for number, field in enumerate(entity.contact_fields):
        erased = f"erased_{number}"
        joins += f" LEFT JOIN erasures AS {erased} ON {_named(entity, field, erased)}"
        replaced.append(f"coalesce({erased}.pseudonym, rows.{named(field)}) AS {named(field)}")
        salts.append(f"{erased}.salt")
    salt = f"coalesce({', '.join(salts)}, NULL)"
    if entity.has_telling_ids:
        pseudonym = f"{quoted(PSEUDONYM)} || left(sha256({salt} || rows.id), 32)"
        replaced.append(f"coalesce({pseudonym}, rows.id) AS id")
    if "id" in entity.contact_fields:
        columns = [row[0] for row in con.execute(f"DESCRIBE FROM {rows}").fetchall()]
        described = [column for column in columns if column != "id" and not column.startswith("_")]
        replaced.append(_emptied(described, f"{salt} IS NOT NULL"))
    return f"SELECT rows.* REPLACE ({', '.join(replaced)}) FROM {rows} AS rows{joins}"


def _emptied(columns: list[str], where: str) -> str:
    return ", ".join(
        f"CASE WHEN NOT coalesce({where}, false) THEN rows.{named(column)} END AS {named(column)}"
        for column in columns
    )


def _named(entity: Entity, field: str, erasures: str = "erasures") -> str:
    met = f"rows._account_id = {erasures}.account_id"
    met += f" AND ltrim(rows.{named(field)}, '+') = {erasures}.contact_id"
    if entity.contact_if:
        told_by, values = entity.contact_if
        met += f" AND rows.{named(told_by)} IN ({', '.join(map(quoted, values))})"
    return f"({met})"


def _entities(settings: Settings) -> dict[Path, Entity]:
    """Return the entities whose records name a contact, by the folder of their raw files."""
    return {
        ledger.raw_folder(settings, entity.name, platform.name): entity
        for platform in PLATFORMS.values()
        for entity in platform.entities
        if entity.contact_fields
    }


def _pseudonym(settings: Settings, text: str) -> str:
    # A key of its own, so that a pseudonym tells nothing of the hash that stood for the contact before.
    key = hmac.digest(settings.ensure_hash_key().read_bytes(), SEED.encode(), "sha256")
    return PSEUDONYM + hmac.digest(key, text.encode(), "sha256").hex()[:32]


def _digest(settings: Settings, erasures: list[Erasure]) -> str:
    """Return what stands for the list, whatever its order; empty for an empty one."""
    pseudonyms = sorted(_pseudonym(settings, f"{e.account_id}:{e.contact_id}") for e in erasures)
    return sha256(" ".join(pseudonyms).encode()).hexdigest() if pseudonyms else ""
