"""Compaction merges small Parquet files without any change of rows.

Belongs here: the selection of files, crashes during a compaction, and the use of merged files. Does not:
incremental builds after a compaction (`test_increments`).
"""

import random
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orchestration.common import files
from orchestration.ingest.pipeline import ingest
from orchestration.ingest.raw_store import compaction, ledger, retention
from orchestration.ingest.raw_store.replay import ReplaySelection
from orchestration.warehouse.inputs import current_inputs
from tests.conftest import project_with
from tests.temporary_home import TemporaryHome, jsonl

BATCHES = 5


def add_files(home: TemporaryHome, number: int) -> None:
    """Add messages of two contacts, an invalid line, and a new version of an existing record."""
    at = f"2025-{number + 1:02}-01T10:00:00Z"
    common = {"timestamp": at, "direction": "INBOUND", "conversation": "c"}
    home.drop(
        f"messages/{number}.jsonl",
        jsonl(
            common | {"id": f"m{number}", "contact": f"contact-{number % 2}"},
            common | {"id": "same", "contact": "contact-0", "last_updated_on": at},
            common | {"id": f"bad{number}", "timestamp": "contact-1"},
        ),
    )
    home.drop(f"agents/{number}.csv", f"id,first_name\na{number},Anna\n")


def files_by_folder(home: TemporaryHome) -> dict[Path, list[Path]]:
    return {folder: ledger.parquet_files(folder) for folder in ledger.folders(home.settings)}


def rows(home: TemporaryHome) -> dict[str, list[str]]:
    """Return all rows of every folder, with batches and times, from any number of files."""
    with duckdb.connect() as con:
        return {
            str(folder.relative_to(home.settings.home)): sorted(
                map(repr, con.execute(f"FROM '{folder}/*.parquet'").fetchall())
            )
            for folder in files_by_folder(home)
        }


@pytest.fixture(scope="module")
def uncompacted(tmp_path_factory) -> Path:
    """Return a folder with a project and a home of five batches before compaction."""
    folder = tmp_path_factory.mktemp("uncompacted")
    (folder / "seeds").mkdir()
    (folder / "seeds" / "accounts.csv").write_text("account_id,platform,time_zone\ndemo,activecampaign,UTC\n")
    project_with(folder / "seeds", folder / "project")
    home = TemporaryHome(folder / "home", project=folder / "project", hash_key="the same key for all")
    for number in range(BATCHES):
        add_files(home, number)
        home.ingest()
    return folder


@pytest.fixture
def home(uncompacted: Path, tmp_path: Path) -> TemporaryHome:
    return copy(uncompacted, tmp_path / "home")


def copy(uncompacted: Path, folder: Path, **settings: object) -> TemporaryHome:
    shutil.copytree(uncompacted / "home", folder)
    return TemporaryHome(
        folder, **{"project": uncompacted / "project", "hash_key": "the same key for all"} | settings
    )


@pytest.fixture
def many(monkeypatch) -> None:
    monkeypatch.setattr(compaction, "MANY", 3)


def test_many_small_files_become_one_with_the_same_rows(home, many):
    before = rows(home)

    home.ingest()

    assert rows(home) == before
    assert {len(paths) for paths in files_by_folder(home).values()} == {0, 1}
    merged = {folder: paths for folder, paths in files_by_folder(home).items() if paths}
    assert len(merged) == 4  # messages, agents, rejected records, the ledger
    home.ingest()
    assert {folder: paths for folder, paths in files_by_folder(home).items() if paths} == merged
    assert home.ingest().batch_id is None


def test_a_few_files_are_not_merged(home):
    before = files_by_folder(home)
    home.ingest()
    assert files_by_folder(home) == before


def test_files_after_a_compaction_are_separate_and_count_once(home, tmp_path, many):
    home.ingest()
    add_files(home, BATCHES)
    home.drop("messages/again.jsonl", (home.settings.landing_path / "demo/messages/1.jsonl").read_bytes())

    result = home.ingest()

    assert sorted(file.status for file in result.files) == ["duplicate", "loaded", "loaded"]
    merged, new_file = files_by_folder(home)[ledger.raw_folder(home.settings, "messages", "activecampaign")]
    assert ledger.span(new_file) == (result.batch_id, result.batch_id)
    assert ledger.span(merged)[1] < result.batch_id
    new_home = TemporaryHome(tmp_path / "new_home", landing=home.settings.landing_path)
    new_home.ingest()
    assert sorted(home.rows("messages")) == sorted(new_home.rows("messages"))
    assert home.rejected() == new_home.rejected()


def test_builds_stay_incremental_after_a_compaction(home, many):
    built = current_inputs(home.settings)
    home.settings.candidate_path.touch()

    home.ingest()
    assert current_inputs(home.settings) == built
    assert home.settings.candidate_path.exists()

    add_files(home, BATCHES)
    home.ingest()
    now = current_inputs(home.settings)
    assert now.fingerprint != built.fingerprint
    assert now.only_add_to(built.rules, built.batches)
    assert not built.only_add_to(now.rules, now.batches)
    assert home.settings.candidate_path.exists()


@pytest.mark.slow
def test_a_compaction_killed_at_any_point_loses_no_row_and_the_next_ingest_repairs_it(
    uncompacted, tmp_path, many, monkeypatch
):
    """Crash before each rename and each removal of a compaction in turn, until one succeeds."""
    replace, unlink = files.replace, Path.unlink
    expected = rows(copy(uncompacted, tmp_path / "expected"))
    for steps in range(100):
        home, left = copy(uncompacted, tmp_path / str(steps)), iter(range(steps))

        def or_crash(do, left=left):
            def guarded(*arguments, **options):
                if next(left, None) is None:
                    raise KeyboardInterrupt
                return do(*arguments, **options)

            return guarded

        try:
            with monkeypatch.context() as patched:
                patched.setattr(files, "replace", or_crash(replace))
                patched.setattr(Path, "unlink", or_crash(unlink))
                home.ingest()
            break
        except KeyboardInterrupt:
            assert {folder: set(found) for folder, found in rows(home).items()} == {
                folder: set(found) for folder, found in expected.items()
            }, steps
            home.ingest()
            assert rows(home) == expected, steps
    assert steps > 4 * BATCHES


@pytest.mark.parametrize(
    "replay_selection",
    [
        ReplaySelection(files=["demo/messages/2.jsonl"]),
        ReplaySelection(entities=["agents"]),
        ReplaySelection(from_day="2025-03-01", to_day="2025-04-01"),
        ReplaySelection(everything=True),
    ],
)
def test_replayed_records_count_once(home, many, replay_selection):
    before = home.all_rows()
    home.ingest()

    ingest(home.settings, replay_selection=replay_selection)

    assert home.all_rows() == before


def test_a_damaged_merged_file_is_named_and_replaced_by_its_batches(home, many):
    before = home.all_rows()
    home.ingest()
    add_files(home, BATCHES)
    home.ingest()
    messages = ledger.raw_folder(home.settings, "messages", "activecampaign")
    damaged = files_by_folder(home)[messages][0]
    damaged.write_bytes(b"damaged")
    messages_shown: list[str] = []
    for number in (BATCHES + 1, BATCHES + 2):
        add_files(home, number)
        home.ingest(messages_shown.append)
    assert [message for message in messages_shown if "are not merged" in message and "messages" in message]

    ingest(home.settings, replay_selection=ReplaySelection(batches=[damaged.stem]))

    ids = {row[0] for row in home.rows("messages", "id")}
    assert ids == {f"m{number}" for number in range(BATCHES + 3)} | {"same"}
    assert len(home.rows("messages")) == len(before["messages"]) + 6


def test_a_contact_in_a_merged_file_is_erased(uncompacted, tmp_path, monkeypatch):
    project = shutil.copytree(uncompacted / "project", tmp_path / "project")
    together = copy(uncompacted, tmp_path / "together", project=project)
    separate = copy(uncompacted, tmp_path / "separate", project=project)
    with monkeypatch.context() as patched:
        patched.setattr(compaction, "MANY", 3)
        together.ingest()
    seed = project / "seeds" / "erasures.csv"
    seed.write_text("account_id,contact_id,requested_on\ndemo,contact-1,2025-02-01\n")
    for home in (together, separate):
        home.ingest()

    assert rows(together) == rows(separate)
    assert "contact-1" not in repr(rows(together))
    assert len(together.rows("messages")) == 2 * BATCHES


def test_old_records_are_removed_from_a_merged_file(uncompacted, tmp_path, monkeypatch):
    kept = {"keep_raw_days": 1, "keep_rejected_days": 1}
    together = copy(uncompacted, tmp_path / "together", **kept)
    separate = copy(uncompacted, tmp_path / "separate", **kept)
    with monkeypatch.context() as patched:
        patched.setattr(retention, "now", lambda: datetime(2025, 1, 15, tzinfo=UTC))
        patched.setattr(compaction, "MANY", 3)
        together.ingest()
    today = datetime.now(UTC) + timedelta(days=2)
    for year, month in ((2025, 4), (today.year, today.month)):
        monkeypatch.setattr(retention, "now", lambda y=year, m=month: datetime(y, m, 10, tzinfo=UTC))
        for home in (together, separate):
            home.ingest()
        assert rows(together) == rows(separate)
        assert len(together.rows("messages")) == (2 * (BATCHES - 3) if year == 2025 else 0)
    assert len(together.ledger()) == 2 * BATCHES


@example(
    seed=230, batches=[3] * 9, middle=300
)  # batches that are large, although each of their files is small
@given(
    seed=st.integers(0, 2**32),
    batches=st.lists(st.integers(1, 3), min_size=1, max_size=60),
    middle=st.sampled_from([1, 20, 300, 2000]),
)
def test_compaction_bounds_the_number_of_files_and_the_rewritten_bytes(
    tmp_path_factory, seed, batches, middle
):
    """Merge files of random sizes after each ingest. A batch can have several files."""
    rng, folder = random.Random(seed), tmp_path_factory.mktemp("folder")
    small, many, total, rewritten = 1000, 4, 0, 0
    compaction_small, compaction_many = compaction.SMALL, compaction.MANY
    compaction.SMALL, compaction.MANY = small, many
    try:
        for number, parts in enumerate(batches):
            for part in range(1, parts + 1):
                size = min(3 * small, int(rng.expovariate(1 / middle)))
                write(folder / f"{number:03}{f'-{part}' if part > 1 else ''}.parquet", size)
                total += size
            for paths in compaction._to_merge(ledger.parquet_files(folder)):
                size = sum(path.stat().st_size for path in paths)
                for path in paths:
                    path.unlink()
                write(ledger.compacted_path(paths), size)
                rewritten += size
    finally:
        compaction.SMALL, compaction.MANY = compaction_small, compaction_many

    left = ledger.parquet_files(folder)
    assert sum(path.stat().st_size for path in left) == total
    assert are_separate(ledger.span(path) for path in left)
    # The large batches, one small batch next to each, and the last ones, each with up to three files.
    spans = [sum(path.stat().st_size for path in paths) for _, paths in groupby(left, ledger.span)]
    big = sum(size >= small for size in spans)
    assert len(spans) <= 2 * big + 1 + many
    assert len(left) <= 3 * len(spans)
    # Each byte is rewritten until its file is large, and the small files at the end at regular intervals.
    assert rewritten <= 2 * total + small * (sum(batches) / (many - 1) + 1)


def write(path: Path, size: int) -> None:
    with path.open("wb") as stream:
        stream.truncate(size)


def are_separate(spans: Iterable[tuple[str, str]]) -> bool:
    """Return whether spans share no batch, except the files of a single batch."""
    ordered = sorted(set(spans))
    return all(one[1] < other[0] for one, other in pairwise(ordered))
