"""Generate fictional exports of platform `activecampaign`: `python samples/generate.py --out DIR`.

Belongs here: the arguments, and the distribution of the records over files and formats.
Does not: the records (`world.sql`, `period.sql`, `exports.sql`).

The same arguments give the same bytes. One period, a month or a day, is in memory at a time and can spill to
disk.
"""

import argparse
import csv
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path

import duckdb

HERE = Path(__file__).resolve().parent
HOLIDAYS = HERE.parent / "seeds" / "holidays.csv"
ZONE = "Europe/Rome"

# The sort column of each entity, and the macro that formats its times. Parquet stores times natively.
NOTATION = {
    "conversations": ("created_on", "iso_z"),
    "messages": ("timestamp", "iso_offset"),
    "contacts": ("created_on", "day_first"),
    "surveys": ("sent_on", "iso_z"),
    "conversation_events": ("occurred_on", "unix_seconds"),
}

# The file types of an entity in format `mixed`; its periods alternate between them.
MIXED = {
    "conversations": ("jsonl", "jsonl.gz"),
    "messages": ("jsonl.gz", "parquet", "jsonl.zst"),
    "surveys": ("csv",),
    "conversation_events": ("ndjson.gz",),
}

COPY_OPTIONS = {
    "csv": "format csv, header",
    "json": "format json",
    "jsonl": "format json",
    "jsonl.gz": "format json, compression gzip",
    "jsonl.zst": "format json, compression zstd",
    "ndjson.gz": "format json, compression gzip",
    "parquet": "format parquet, compression zstd",
}

# The lines that format `mixed` inserts into one file of an entity, by line number: invalid records, and one
# message whose conversation is in no file. README.md describes each.
EXTRA_LINES = {
    "conversations": {
        40: '{"id":"c-cut","created_on":"2025-10-03T08:15:00Z","contact":"k0000',
        80: '{"id":"c-no-start","contact":"k000001","status":"CLOSED","source":"INBOUND"}',
        120: '{"id":"c-month-13","created_on":"2025-13-41T25:61:00Z","status":"CLOSED"}',
    },
    "messages": {
        3: '{"id":"m-type","timestamp":["not","an","instant"],"direction":"INBOUND"}',
        6: '{"id":"m-sideways","timestamp":"2025-10-20T10:00:00+02:00","direction":"SIDEWAYS"}',
        9: '{"id":"m-lost","timestamp":"2025-10-21T10:00:00+02:00","conversation":"c-unknown",'
        '"contact":"k000001","direction":"INBOUND","source":"INBOUND"}',
    },
    "surveys": {
        20: "s-nine,c0000001,k000001,ag-01,2025-10-05T09:00:00Z,2025-10-05T09:05:00Z,9,,2025-10-05T09:05:00Z",
    },
}


def generate(
    out: Path,
    conversations: int = 2000,
    seed: int = 1,
    first_day: date = date(2025, 10, 1),
    days: int = 92,
    account: str = "demo",
    split: str = "month",
    file_format: str = "mixed",
    threads: int | None = None,
) -> None:
    """Write the exports of an account into `out/<account>/<entity>/`.

    `split` is the period of a file, `month` or `day`. `file_format` is `mixed`, `jsonl` or `parquet`.
    Raises `FileExistsError` if the account's folder is not empty.
    """
    folder = out / account
    if folder.exists() and any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty: remove it, or choose another --out or --account")
    variables = {
        "seed": seed,
        "account": account,
        "zone": ZONE,
        "holidays": _holidays(),
        "split": split,
        "conversations": conversations,
        "first_day": first_day,
        "days": days,
    }
    with tempfile.TemporaryDirectory() as scratch, duckdb.connect() as con:
        con.execute("set temp_directory = $scratch", {"scratch": scratch})
        con.execute("set memory_limit = '2GB'; set timezone = 'UTC'")
        if threads:
            con.execute(f"set threads = {threads}")
        _set(con, variables)
        _run(con, "world.sql")
        _write_exports(con, folder, file_format)


def _holidays() -> list[date]:
    with HOLIDAYS.open(encoding="utf-8") as lines:
        return sorted({date.fromisoformat(row["holiday_on"]) for row in csv.DictReader(lines)})


def _run(con: duckdb.DuckDBPyConnection, script: str) -> None:
    con.execute((HERE / script).read_text(encoding="utf-8"))


def _set(con: duckdb.DuckDBPyConnection, variables: dict[str, object]) -> None:
    for name, value in variables.items():
        con.execute(f"set variable {name} = $value", {"value": value})


def _write_exports(con: duckdb.DuckDBPyConnection, folder: Path, file_format: str) -> None:
    mixed = file_format == "mixed"
    for entity in (*NOTATION, "agents"):
        (folder / entity).mkdir(parents=True)
    periods = con.execute("select period, share_from, share_to from periods order by period").fetchall()
    for number, (period, share_from, share_to) in enumerate(periods):
        _set(con, {"share_from": share_from, "share_to": share_to})
        _run(con, "period.sql")
        if number == 0:
            _run(con, "exports.sql")  # The views need the tables of the first period.
        for entity, suffixes in MIXED.items():
            suffix = suffixes[number % len(suffixes)] if mixed else file_format
            _write(con, entity, entity, folder / entity / f"{period}.{suffix}")
        for view in ("late_messages", "updated_conversations", "updated_events"):
            con.execute(f"create table if not exists all_{view} as from {view} limit 0")
            con.execute(f"insert into all_{view} from {view}")

    first, last = periods[0][0], periods[-1][0]
    cutoff = con.execute("select local(getvariable('cutoff'))::date").fetchone()[0]
    suffix = "jsonl" if mixed else file_format
    late, updates = f"{last}-late.{suffix}", f"{cutoff + timedelta(days=1)}-updates.{suffix}"
    _write(con, "all_late_messages", "messages", folder / "messages" / late)
    _write(con, "all_updated_conversations", "conversations", folder / "conversations" / updates)
    _write(con, "all_updated_events", "conversation_events", folder / "conversation_events" / updates)
    _write_agents(con, folder / "agents" / f"{first}.json", new_names=False)
    _write_agents(con, folder / "agents" / f"{cutoff + timedelta(days=1)}.json", new_names=True)
    if mixed:
        _write(con, "contacts_in_csv", "contacts", folder / "contacts" / f"{last}.csv")
        _insert(folder / "conversations" / f"{first}.jsonl", EXTRA_LINES["conversations"])
        _insert(folder / "messages" / late, EXTRA_LINES["messages"])
        _insert(folder / "surveys" / f"{first}.csv", EXTRA_LINES["surveys"])
    else:
        _write(con, "contacts", "contacts", folder / "contacts" / f"{last}.{suffix}")


def _write(con: duckdb.DuckDBPyConnection, relation: str, entity: str, path: Path) -> None:
    suffix = path.name.partition(".")[2]
    order, notation = NOTATION[entity]
    if suffix == "parquet":
        notation = "as_is"
    fields = {
        name: f'{notation}("{name}")' if kind == "TIMESTAMP" else f'"{name}"'
        for name, kind, *_ in con.execute(f"describe {relation}").fetchall()
    }
    options = COPY_OPTIONS[suffix]
    if entity == "contacts" and suffix == "csv":
        # As saved by a spreadsheet: semicolons, and a byte order mark, which is part of the first name.
        options += ", delimiter ';'"
        fields = {f"\ufeff{name}" if name == "id" else name: field for name, field in fields.items()}
    select = ", ".join(f'{field} as "{name}"' for name, field in fields.items())
    con.execute(
        f"""copy (select {select} from {relation} as record order by record."{order}", record.id)
        to $path ({options})""",
        {"path": str(path)},
    )


def _write_agents(con: duckdb.DuckDBPyConnection, path: Path, new_names: bool) -> None:
    con.execute(
        f"""copy (select count(*) as count, null as next, list(agent order by id) as results
        from exported_agents({new_names}) as agent) to $path (format json)""",
        {"path": str(path)},
    )


def _insert(path: Path, lines: dict[int, str]) -> None:
    """Insert lines into a text file at these line numbers, or at its end if it is shorter."""
    original = path.rename(path.with_suffix(".original"))
    remaining, number = dict(lines), 1
    with (
        original.open(encoding="utf-8", newline="") as source,
        path.open("w", encoding="utf-8", newline="") as target,
    ):
        for line in source:
            while number in remaining:
                target.write(remaining.pop(number) + "\n")
                number += 1
            target.write(line)
            number += 1
        target.writelines(f"{line}\n" for line in remaining.values())
    original.unlink()


def main(arguments: list[str] | None = None) -> str | None:
    """Generate exports for the arguments. Return an error message if the output folder is not empty."""
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    add = parser.add_argument
    add("--out", type=Path, required=True, help="the landing folder, such as data/landing")
    add("--conversations", type=_positive, default=2000, help="the number of conversations")
    add("--seed", type=int, default=1, help="seed of the random data")
    add("--from", dest="first_day", type=date.fromisoformat, default=date(2025, 10, 1), help="the first day")
    add("--days", type=_positive, default=92, help="the number of days")
    add("--account", default="demo", help="name of the account's folder")
    add("--split", choices=("month", "day"), default="month", help="the period of one file")
    formats = ("mixed", "jsonl", "parquet")
    add("--format", dest="file_format", choices=formats, default="mixed", help="the file format")
    add("--threads", type=_positive, help="DuckDB's threads; the files do not depend on them")
    try:
        return generate(**vars(parser.parse_args(arguments)))
    except FileExistsError as error:
        return str(error)


def _positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
