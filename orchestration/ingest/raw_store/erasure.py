"""Erasure: removal of the contacts in `erasures.csv` from ingested data and from every later ingest.

Belongs here: the list, the pseudonym that replaces an erased contact, and the fields to empty. Does not: the
fields with contacts (`platforms`), nor data built from raw files: the candidate is rebuilt, and the next
release removes the previous ones (`publish`).

A pseudonym replaces the id of an erased contact, so that counts do not change. Fields that describe the
contact are emptied. If a rejected record mentions the contact, its text is removed and its row is kept. The
pseudonym is a keyed hash of the id: it is the same in every export, and cannot be related to the contact
without the key.

A contact can have several ids: the ids in one record, and the variants of a phone number that the network
treats as one. Each id has its own pseudonym; all ids of a contact get the least of these. `raw/erasures.json`
maps one to the other, so that an id is recognized after the record that linked it was erased.

Files are replaced as a whole, and the state is written last. After a crash the next run searches the files
again and rewrites those that still contain an erased contact.
"""

import hmac
import json
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import duckdb

from orchestration.common import files
from orchestration.common.candidate_files import discard_candidate
from orchestration.common.sql import parquet, quoted
from orchestration.common.words import counted
from orchestration.ingest.parsing.typing import named
from orchestration.ingest.platforms import PLATFORMS
from orchestration.ingest.platforms.schema import Entity, Platform
from orchestration.ingest.raw_store import ledger
from orchestration.ingest.seeds import Erasure
from orchestration.settings import Settings

SEED = "erasures.csv"
PSEUDONYM = "erased-"
MIN_ID_LENGTH = 6  # shorter ids occur in file names by chance

# In a rejected record, any whole word that equals the id counts: better one text too many than one too few.
_MENTIONED = r"""
    rows.account_id = erased_words.account_id
    AND (
        contains(concat_ws(' ', raw, value), contact_id) AND regexp_matches(concat_ws(' ', raw, value), word)
        OR list_contains(try(json_extract_string(raw, ['$.id', '$.contact'])), contact_id)
    )"""


class _State(NamedTuple):
    """The digest of the applied list, and a map from the own pseudonym of each id to that of its contact."""

    applied: str
    pseudonyms: dict[str, str]


class _Place(NamedTuple):
    """A folder of Parquet files that may contain contacts. Rejected records have no entity."""

    folder: Path
    entity: Entity | None = None
    platform: Platform | None = None


def is_applied(settings: Settings, erasures: list[Erasure]) -> bool:
    """Return whether the ingested data has been searched for exactly these contacts."""
    return _read_state(settings).applied == _digest(settings, erasures)


def state_digest(settings: Settings) -> str:
    """Return a digest of the erased ids of the ingested data, or an empty text without any."""
    pseudonyms = _read_state(settings).pseudonyms
    return sha256(json.dumps(pseudonyms, sort_keys=True).encode()).hexdigest() if pseudonyms else ""


def apply(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    erasures: list[Erasure],
    work: Path,
    progress: Callable[[str], None],
) -> None:
    """Erase the listed contacts from all ingested data, unless already done, and prepare `apply_to_batch`.

    Removes the candidate first: it was built from these files, and a DuckDB file keeps deleted rows in its
    free blocks. Each release states the erasures that it includes (see `publish`).
    """
    _create_list_table(con, settings, erasures)
    state = _read_state(settings)
    if state.applied == _digest(settings, erasures):
        _create_tables(con, settings, state.pseudonyms, [])
        return
    places = _places(settings.raw_path, settings.rejected_path)
    ingested = [(place, place.folder / "*.parquet") for place in places]
    pseudonyms = _linked(con, ingested, state.pseudonyms)
    _create_tables(con, settings, pseudonyms, ingested)
    due = [(path, place) for place, paths in ingested for path in _find_files(con, place, paths)]
    if due or pseudonyms != state.pseudonyms:
        progress(f"{counted(len(erasures), 'contact')} to erase; rewriting {counted(len(due), 'file')}")
        discard_candidate(settings)
    for path, place in due:
        _rewrite(con, place, path, work)
    _erase_set_aside(con, settings, work, progress)
    _write_state(settings, work, _State(_digest(settings, erasures), pseudonyms))


def apply_to_batch(
    con: duckdb.DuckDBPyConnection, settings: Settings, outputs: list[tuple[Path, Path]], work: Path
) -> None:
    """Erase the listed contacts from the files of a batch before they are moved into place.

    If the batch links further ids to an erased contact, call `apply` again after the commit.
    """
    if not con.execute("SELECT count(*) FROM listed").fetchone()[0]:
        return
    places = {place.folder: place for place in _places(settings.raw_path, settings.rejected_path)}
    written = [(places[folder], path) for path, folder in outputs if folder in places]
    known = dict(con.execute("SELECT own, pseudonym FROM erasures").fetchall())
    pseudonyms = _linked(con, written, known)
    if pseudonyms != known:
        _write_state(settings, work, _State("", pseudonyms))
    _create_tables(con, settings, pseudonyms, written)
    for place, path in written:
        if _find_files(con, place, path):
            _rewrite(con, place, path, work)


def list_warnings(settings: Settings, erasures: list[Erasure]) -> list[str]:
    """Return a message for each line of the list that matches no contact, or whose id is in file names.

    The messages have line numbers instead of ids, since logs keep them.
    """
    if not erasures:
        return []
    seen = " UNION ALL ".join(
        f"SELECT {named(field)} AS contact_id FROM {parquet(place.folder / '*.parquet')}"
        for place in _places(settings.raw_path)
        for field in place.entity.contact_fields
    )
    with duckdb.connect() as con:
        _create_list_table(con, settings, erasures)
        _create_tables(con, settings, _read_state(settings).pseudonyms, [])
        unmatched = con.execute(f"""
            SELECT line, account_id FROM listed LEFT JOIN erasures USING (own)
            WHERE coalesce(pseudonym, '') NOT IN
                (SELECT contact_id FROM ({seen}) WHERE contact_id LIKE '{PSEUDONYM}%')
            ORDER BY line""").fetchall()
        in_names = con.execute(f"""
            SELECT line, rows.account_id, count(DISTINCT file)
            FROM {parquet(ledger.ledger_folder(settings) / "*.parquet")} AS rows
            JOIN listed ON rows.account_id = listed.account_id
                AND length(listed.contact_id) >= {MIN_ID_LENGTH}
            JOIN erased_words ON listed.account_id = erased_words.account_id
                AND listed.contact_id = erased_words.contact_id AND regexp_matches(file, word)
            GROUP BY ALL ORDER BY line""").fetchall()
    return [
        f"{SEED} line {line}: no record of account {account} has this contact; check the id of the platform"
        for line, account in unmatched
    ] + [
        f"{SEED} line {line}: the id is in the name of {counted(files, 'file')} of account {account}; rename"
        " and start again with make clean"
        for line, account, files in in_names
    ]


def _erase_set_aside(
    con: duckdb.DuckDBPyConnection, settings: Settings, work: Path, progress: Callable[[str], None]
) -> None:
    """Erase the contacts from data set aside by a full refresh. A file that cannot be read is removed."""
    for aside in sorted(settings.set_aside_path.glob("*")):
        for place in _places(aside / settings.raw_path.name, aside / settings.rejected_path.name):
            for path in ledger.parquet_files(place.folder):
                try:
                    if _find_files(con, place, path):
                        _rewrite(con, place, path, work)
                except duckdb.Error:
                    progress(f"{path} cannot be searched for contacts to erase and is removed")
                    path.unlink()


def _create_list_table(con: duckdb.DuckDBPyConnection, settings: Settings, erasures: list[Erasure]) -> None:
    """Create the table `listed` of the contacts, and the macro `pseudonym` (an HMAC) of a text."""
    key = _key(settings).ljust(64, b"\0")
    inner, outer = (bytes(byte ^ pad for byte in key).hex() for pad in (0x36, 0x5C))
    con.execute(f"""
        CREATE OR REPLACE TEMP MACRO pseudonym(text) AS {quoted(PSEUDONYM)} || left(
            sha256(unhex('{outer}') || unhex(sha256(unhex('{inner}') || encode(text)))), 32)""")
    canonical = " ".join(
        f"WHEN {quoted(platform.name)} THEN {platform.canonical_id('contact_id')}"
        for platform in PLATFORMS.values()
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE listed AS
        SELECT *, pseudonym(account_id || ':' || CASE platform {canonical} END) AS own
        FROM (SELECT unnest(CAST($lines AS BIGINT[])) AS line,
            unnest(CAST($accounts AS VARCHAR[])) AS account_id,
            unnest(CAST($platforms AS VARCHAR[])) AS platform,
            unnest(CAST($contacts AS VARCHAR[])) AS contact_id)""",
        {
            "lines": [erasure.line for erasure in erasures],
            "accounts": [erasure.account_id for erasure in erasures],
            "platforms": [erasure.platform for erasure in erasures],
            "contacts": [erasure.contact_id for erasure in erasures],
        },
    )


def _linked(
    con: duckdb.DuckDBPyConnection, within: Iterable[tuple[_Place, Path]], known: dict[str, str]
) -> dict[str, str]:
    """Return the pseudonym of each id of the listed contacts, by its own pseudonym.

    Two ids belong to the same contact if `known` says so or if a record of these files has both.
    """
    listed = {own for (own,) in con.execute("SELECT own FROM listed").fetchall()}
    ids, links = listed | known.keys() | set(known.values()), list(known.items())
    records = [
        f"SELECT DISTINCT list_distinct([{', '.join(_own(place, field) for field in fields)}]) AS ids"
        f" FROM {_contacts(place, paths)} AS rows"
        for place, paths in within
        if place.entity and len(fields := place.entity.contact_fields) > 1
    ]
    if listed and records:
        con.execute(f"CREATE OR REPLACE TEMP TABLE named_together AS {' UNION '.join(records)}")
        found: list[tuple[str, ...]] = []
        grown = ids
        while grown:
            con.execute("CREATE OR REPLACE TEMP TABLE reached AS SELECT unnest($ids) AS id", {"ids": [*ids]})
            found = con.execute(
                "SELECT DISTINCT ids FROM (SELECT ids, unnest(ids) AS id FROM named_together)"
                " SEMI JOIN reached USING (id)"
            ).fetchall()
            grown = {own for (together,) in found for own in together} - ids
            ids = ids | grown
        links += [tuple(together) for (together,) in found]
    contacts = {own: {own} for own in ids}
    for link in links:
        contact = set().union(*(contacts[own] for own in link))
        contacts |= dict.fromkeys(contact, contact)
    return {own: min(contact) for own, contact in contacts.items() if contact & listed}


def _create_tables(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    pseudonyms: dict[str, str],
    within: Iterable[tuple[_Place, Path]],
) -> None:
    """Create the table `erasures` of the pseudonyms, and the table `erased_words` of the ids as texts.

    The texts are the ids of the list and their variants in these files. `word` is a pattern that matches one
    as a whole word.
    """
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE erasures AS
        SELECT unnest(CAST($own AS VARCHAR[])) AS own, unnest(CAST($pseudonyms AS VARCHAR[])) AS pseudonym,
            CAST($salt AS VARCHAR) AS salt""",
        {
            "own": [*pseudonyms],
            "pseudonyms": [*pseudonyms.values()],
            "salt": _pseudonym(settings, "ids of messages"),
        },
    )
    texts = ["SELECT account_id, contact_id FROM listed"] + [
        f"""SELECT rows._account_id, ltrim(rows.{named(field)}, '+') FROM {_contacts(place, paths)} AS rows
        SEMI JOIN erasures ON {_own(place, field)} = erasures.own
        WHERE NOT starts_with(rows.{named(field)}, {quoted(PSEUDONYM)})"""
        for place, paths in within
        if place.entity and pseudonyms
        for field in place.entity.contact_fields
    ]
    con.execute(rf"""
        CREATE OR REPLACE TEMP TABLE erased_words AS
        SELECT *, '(^|[^\pL\pN])' || regexp_escape(contact_id) || '([^\pL\pN]|$)' AS word
        FROM ({" UNION ".join(texts)})""")


def _find_files(con: duckdb.DuckDBPyConnection, place: _Place, paths: Path) -> list[Path]:
    """Return the files, current or future of this place, that contain a contact to erase."""
    if place.entity is None:
        emptied = "coalesce(raw, value) IS NOT NULL"
        return ledger.find_files_with(con, paths, f"JOIN erased_words ON {emptied} AND {_MENTIONED}")
    fields = [f"rows.{named(field)}" for field in place.entity.contact_fields]
    left = " OR ".join(f"erased_{number}.pseudonym <> {field}" for number, field in enumerate(fields))
    return ledger.find_files_with(con, paths, f"{_joins(place)} WHERE {left}")


def _rewrite(con: duckdb.DuckDBPyConnection, place: _Place, path: Path, work: Path) -> None:
    """Rewrite the file without the contacts to erase, with the same number of rows."""
    rows = parquet(path)
    if place.entity is None:
        mentioned = f"EXISTS (SELECT 1 FROM erased_words WHERE {_MENTIONED})"
        select = f"SELECT rows.* REPLACE ({_emptied(['raw', 'value'], mentioned)}) FROM {rows} AS rows"
    else:
        select = _without_contacts(con, place, rows)
    ledger.rewrite(con, path, select, work)


def _without_contacts(con: duckdb.DuckDBPyConnection, place: _Place, rows: str) -> str:
    entity, replaced, salts = place.entity, [], []
    for number, field in enumerate(entity.contact_fields):
        replaced.append(f"coalesce(erased_{number}.pseudonym, rows.{named(field)}) AS {named(field)}")
        salts.append(f"erased_{number}.salt")
    salt = f"coalesce({', '.join(salts)}, NULL)"
    if entity.has_ids_with_number:
        pseudonym = f"{quoted(PSEUDONYM)} || left(sha256({salt} || rows.id), 32)"
        is_done = f"starts_with(rows.id, {quoted(PSEUDONYM)})"
        replaced.append(f"CASE WHEN {is_done} THEN rows.id ELSE coalesce({pseudonym}, rows.id) END AS id")
    if "id" in entity.contact_fields:
        columns = [row[0] for row in con.execute(f"DESCRIBE FROM {rows}").fetchall()]
        described = [column for column in columns if column != "id" and not column.startswith("_")]
        replaced.append(_emptied(described, f"{salt} IS NOT NULL"))
    return f"SELECT rows.* REPLACE ({', '.join(replaced)}) FROM {rows} AS rows {_joins(place)}"


def _emptied(columns: list[str], where: str) -> str:
    return ", ".join(
        f"CASE WHEN NOT coalesce({where}, false) THEN rows.{named(column)} END AS {named(column)}"
        for column in columns
    )


def _contacts(place: _Place, paths: Path) -> str:
    """Return the SQL of the distinct contacts in these files. Hashing every row would be much slower."""
    condition = [place.entity.contact_if[0]] if place.entity.contact_if else []
    columns = ", ".join(map(named, ["_account_id", *place.entity.contact_fields, *condition]))
    return f"(SELECT DISTINCT {columns} FROM {parquet(paths)})"


def _joins(place: _Place) -> str:
    """Return the joins from the rows of a place to the erasures, one per contact field."""
    return " ".join(
        f"LEFT JOIN erasures AS erased_{number} ON {_own(place, field)} = erased_{number}.own"
        for number, field in enumerate(place.entity.contact_fields)
    )


def _own(place: _Place, field: str) -> str:
    """Return the SQL of the own pseudonym of the id in a contact field."""
    value = f"rows.{named(field)}"
    text = f"rows._account_id || ':' || {place.platform.canonical_id(value)}"
    own = f"WHEN starts_with({value}, {quoted(PSEUDONYM)}) THEN {value} ELSE pseudonym({text}) END"
    if place.entity.contact_if:
        field_name, values = place.entity.contact_if
        is_contact = f"rows.{named(field_name)} IN ({', '.join(map(quoted, values))})"
        return f"CASE WHEN NOT coalesce({is_contact}, false) THEN NULL {own}"
    return f"CASE {own}"


def _places(raw: Path, rejected: Path | None = None) -> list[_Place]:
    """Return the places in a folder of raw records and, optionally, one of rejected records."""
    return [
        _Place(raw / entity.name / platform.name, entity, platform)
        for platform in PLATFORMS.values()
        for entity in platform.entities
        if entity.contact_fields
    ] + ([_Place(rejected)] if rejected else [])


def _key(settings: Settings) -> bytes:
    # A separate key, so that a pseudonym cannot be related to the previous hash of the contact.
    return hmac.digest(settings.ensure_hash_key().read_bytes(), SEED.encode(), "sha256")


def _pseudonym(settings: Settings, text: str) -> str:
    return PSEUDONYM + hmac.digest(_key(settings), text.encode(), "sha256").hex()[:32]


def _digest(settings: Settings, erasures: list[Erasure]) -> str:
    """Return a digest of the list, independent of its order. It is empty for an empty list."""
    pseudonyms = sorted(_pseudonym(settings, f"{e.account_id}:{e.contact_id}") for e in erasures)
    return sha256(" ".join(pseudonyms).encode()).hexdigest() if pseudonyms else ""


def _read_state(settings: Settings) -> _State:
    """Return the state of raw/ or, without one, the pseudonyms of the data last set aside."""
    for folder in (settings.raw_path, *sorted(settings.set_aside_path.glob("*/raw"), reverse=True)):
        try:
            state = _State(**json.loads((folder / "erasures.json").read_text()))
        except (OSError, ValueError, TypeError):
            continue
        return state if folder == settings.raw_path else _State("", state.pseudonyms)
    return _State("", {})


def _write_state(settings: Settings, work: Path, state: _State) -> None:
    written = work / "erasures.json"
    written.write_text(json.dumps(state._asdict(), indent=2))
    files.replace(written, settings.raw_path / written.name)
