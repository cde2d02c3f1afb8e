"""Small Parquet files become one, and nothing else changes: not a row, nor what can be done with them.

Belongs here: which files are merged, crashes on the way, and what ingest does with merged files afterwards.
Does not: that increments after a compaction give the rows of a build from nothing (`test_increments`).
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
from orchestration.ingest.raw_store.replay import Again
from orchestration.warehouse.inputs import current_inputs
from tests.conftest import project_with
from tests.house import House, jsonl

BATCHES = 5


def drop(house: House, number: int) -> None:
    """Drop messages of two contacts, one line refused, and what changes of a record that came before."""
    at = f"2025-{number + 1:02}-01T10:00:00Z"
    common = {"timestamp": at, "direction": "INBOUND", "conversation": "c"}
    house.drop(
        f"messages/{number}.jsonl",
        jsonl(
            common | {"id": f"m{number}", "contact": f"contact-{number % 2}"},
            common | {"id": "same", "contact": "contact-0", "last_updated_on": at},
            common | {"id": f"bad{number}", "timestamp": "contact-1"},
        ),
    )
    house.drop(f"agents/{number}.csv", f"id,first_name\na{number},Anna\n")


def placed(house: House) -> dict[Path, list[Path]]:
    return {folder: ledger.parquet_files(folder) for folder in ledger.folders(house.settings)}


def rows(house: House) -> dict[str, list[str]]:
    """Return all rows of every folder, with batches and times, whatever files they lie in."""
    with duckdb.connect() as con:
        return {
            str(folder.relative_to(house.settings.home)): sorted(
                map(repr, con.execute(f"FROM '{folder}/*.parquet'").fetchall())
            )
            for folder in placed(house)
        }


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> Path:
    """Return a folder with the home and the project of five batches, none of them compacted."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "seeds").mkdir()
    (folder / "seeds" / "accounts.csv").write_text("account_id,platform,time_zone\ndemo,activecampaign,UTC\n")
    project_with(folder / "seeds", folder / "project")
    house = House(folder / "home", project=folder / "project", hash_key="the same key for all")
    for number in range(BATCHES):
        drop(house, number)
        house.ingest()
    return folder


@pytest.fixture
def house(filled: Path, tmp_path: Path) -> House:
    return copy(filled, tmp_path / "home")


def copy(filled: Path, home: Path, **settings: object) -> House:
    shutil.copytree(filled / "home", home)
    return House(home, **{"project": filled / "project", "hash_key": "the same key for all"} | settings)


@pytest.fixture
def many(monkeypatch) -> None:
    monkeypatch.setattr(compaction, "MANY", 3)


def test_many_small_files_become_one_and_every_row_stays(house, many):
    before = rows(house)

    house.ingest()

    assert rows(house) == before
    assert {len(paths) for paths in placed(house).values()} == {0, 1}
    merged = {folder: paths for folder, paths in placed(house).items() if paths}
    assert len(merged) == 4  # messages, agents, what was refused, the ledger
    house.ingest()
    assert {folder: paths for folder, paths in placed(house).items() if paths} == merged
    assert house.ingest().batch_id is None


def test_few_files_stay_as_they_are(house):
    before = placed(house)
    house.ingest()
    assert placed(house) == before


def test_what_comes_after_lies_apart_and_counts_once(house, tmp_path, many):
    house.ingest()
    drop(house, BATCHES)
    house.drop("messages/again.jsonl", (house.settings.landing_path / "demo/messages/1.jsonl").read_bytes())

    result = house.ingest()

    assert sorted(file.status for file in result.files) == ["duplicate", "loaded", "loaded"]
    merged, fresh = placed(house)[ledger.raw_folder(house.settings, "messages", "activecampaign")]
    assert ledger.span(fresh) == (result.batch_id, result.batch_id)
    assert ledger.span(merged)[1] < result.batch_id
    fresh_house = House(tmp_path / "fresh", landing=house.settings.landing_path)
    fresh_house.ingest()
    assert sorted(house.rows("messages")) == sorted(fresh_house.rows("messages"))
    assert house.rejected() == fresh_house.rejected()


def test_the_candidate_is_only_added_to_after_a_compaction(house, many):
    built = current_inputs(house.settings)
    house.settings.candidate_path.touch()

    house.ingest()
    assert current_inputs(house.settings) == built
    assert house.settings.candidate_path.exists()

    drop(house, BATCHES)
    house.ingest()
    now = current_inputs(house.settings)
    assert now.fingerprint != built.fingerprint
    assert now.only_add_to(built.rules, built.batches)
    assert not built.only_add_to(now.rules, now.batches)
    assert house.settings.candidate_path.exists()


@pytest.mark.slow
def test_killed_at_any_point_no_row_is_missing_and_the_next_ingest_mends(filled, tmp_path, many, monkeypatch):
    """Crash before each placing and each removal of a compaction in turn, until one goes through."""
    replace, unlink = files.replace, Path.unlink
    whole = rows(copy(filled, tmp_path / "whole"))
    for steps in range(100):
        house, left = copy(filled, tmp_path / str(steps)), iter(range(steps))

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
                house.ingest()
            break
        except KeyboardInterrupt:
            assert {folder: set(found) for folder, found in rows(house).items()} == {
                folder: set(found) for folder, found in whole.items()
            }, steps
            house.ingest()
            assert rows(house) == whole, steps
    assert steps > 4 * BATCHES


@pytest.mark.parametrize(
    "again",
    [
        Again(files=["demo/messages/2.jsonl"]),
        Again(entities=["agents"]),
        Again(from_day="2025-03-01", to_day="2025-04-01"),
        Again(everything=True),
    ],
)
def test_what_is_read_again_counts_once(house, many, again):
    before = house.everything()
    house.ingest()

    ingest(house.settings, again=again)

    assert house.everything() == before


def test_a_damaged_merged_file_is_named_and_replaced_by_its_batches(house, many):
    before = house.everything()
    house.ingest()
    drop(house, BATCHES)
    house.ingest()
    messages = ledger.raw_folder(house.settings, "messages", "activecampaign")
    damaged = placed(house)[messages][0]
    damaged.write_bytes(b"damaged")
    told: list[str] = []
    for number in (BATCHES + 1, BATCHES + 2):
        drop(house, number)
        house.ingest(told.append)
    assert [message for message in told if "stay as they are" in message and "messages" in message]

    ingest(house.settings, again=Again(batches=[damaged.stem]))

    held = {row[0] for row in house.rows("messages", "id")}
    assert held == {f"m{number}" for number in range(BATCHES + 3)} | {"same"}
    assert len(house.rows("messages")) == len(before["messages"]) + 6


def test_a_contact_in_a_merged_file_is_erased_as_in_any_other(filled, tmp_path, monkeypatch):
    project = shutil.copytree(filled / "project", tmp_path / "project")
    together = copy(filled, tmp_path / "together", project=project)
    apart = copy(filled, tmp_path / "apart", project=project)
    with monkeypatch.context() as patched:
        patched.setattr(compaction, "MANY", 3)
        together.ingest()
    seed = project / "seeds" / "erasures.csv"
    seed.write_text("account_id,contact_id,requested_on\ndemo,contact-1,2025-02-01\n")
    for house in (together, apart):
        house.ingest()

    assert rows(together) == rows(apart)
    assert "contact-1" not in repr(rows(together))
    assert len(together.rows("messages")) == 2 * BATCHES


def test_what_is_too_old_goes_from_a_merged_file_as_from_any_other(filled, tmp_path, monkeypatch):
    kept = {"keep_raw_days": 1, "keep_rejected_days": 1}
    together = copy(filled, tmp_path / "together", **kept)
    apart = copy(filled, tmp_path / "apart", **kept)
    with monkeypatch.context() as patched:
        patched.setattr(retention, "now", lambda: datetime(2025, 1, 15, tzinfo=UTC))
        patched.setattr(compaction, "MANY", 3)
        together.ingest()
    today = datetime.now(UTC) + timedelta(days=2)
    for year, month in ((2025, 4), (today.year, today.month)):
        monkeypatch.setattr(retention, "now", lambda y=year, m=month: datetime(y, m, 10, tzinfo=UTC))
        for house in (together, apart):
            house.ingest()
        assert rows(together) == rows(apart)
        assert len(together.rows("messages")) == (2 * (BATCHES - 3) if year == 2025 else 0)
    assert len(together.ledger()) == 2 * BATCHES


@example(seed=230, batches=[3] * 9, middle=300)  # batches that are not small, though each of their files is
@given(
    seed=st.integers(0, 2**32),
    batches=st.lists(st.integers(1, 3), min_size=1, max_size=60),
    middle=st.sampled_from([1, 20, 300, 2000]),
)
def test_files_stay_few_and_their_batches_apart_at_a_bounded_cost(tmp_path_factory, seed, batches, middle):
    """Merge files of given sizes only, ingest by ingest; a batch may come in several files."""
    dice, folder = random.Random(seed), tmp_path_factory.mktemp("folder")
    small, many, total, rewritten = 1000, 4, 0, 0
    compaction_small, compaction_many = compaction.SMALL, compaction.MANY
    compaction.SMALL, compaction.MANY = small, many
    try:
        for number, parts in enumerate(batches):
            for part in range(1, parts + 1):
                size = min(3 * small, int(dice.expovariate(1 / middle)))
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
    assert apart(ledger.span(path) for path in left)
    # The batches that are not small, one small one beside each, and the last ones; of each up to three files.
    spans = [sum(path.stat().st_size for path in paths) for _, paths in groupby(left, ledger.span)]
    big = sum(size >= small for size in spans)
    assert len(spans) <= 2 * big + 1 + many
    assert len(left) <= 3 * len(spans)
    # Each byte once more when it comes to lie in a file that is not small, and the open end every so often.
    assert rewritten <= 2 * total + small * (sum(batches) / (many - 1) + 1)


def write(path: Path, size: int) -> None:
    with path.open("wb") as stream:
        stream.truncate(size)


def apart(spans: Iterable[tuple[str, str]]) -> bool:
    """Whether no two spans share a batch, but for those of one batch alone, whose files may be several."""
    ordered = sorted(set(spans))
    return all(one[1] < other[0] for one, other in pairwise(ordered))
