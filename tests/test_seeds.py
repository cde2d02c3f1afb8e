"""Seeds are read in common formats, or rejected with file, line, column and remedy."""

import shutil
from pathlib import Path

import dagster as dg
import pytest
from temporary_home import TemporaryHome, has_changes

from orchestration.automation.sensors import new_exports_sensor
from orchestration.ingest.platforms import PLATFORMS
from orchestration.ingest.seeds import Account, read_seeds
from orchestration.settings import PROJECT, SettingsError

ACCOUNTS = "account_id,platform,time_zone\n"
HOURS = "account_id,iso_weekday,opens_at,closes_at\n"
SCALES = "platform,rating_min,rating_max,satisfied_from,dissatisfied_to\n"


@pytest.fixture
def seeds(tmp_path: Path) -> Path:
    shutil.copytree(PROJECT / "seeds", tmp_path / "seeds")
    return tmp_path / "seeds"


INVALID_SEEDS = [
    (
        "accounts.csv",
        ACCOUNTS + "a,telepathy,UTC\n",
        "line 2, column platform: 'telepathy'",
        "activecampaign",
    ),
    ("accounts.csv", ACCOUNTS + "a,activecampaign,localtime\n", "line 2, column time_zone", "Europe/Rome"),
    ("accounts.csv", ACCOUNTS + "a,activecampaign,europe/rome\n", "line 2, column time_zone", "Europe/Rome"),
    (
        "accounts.csv",
        ACCOUNTS + "a/b,activecampaign,UTC\n",
        "line 2, column account_id: 'a/b'",
        "without blanks",
    ),
    ("accounts.csv", ACCOUNTS + "a,activecampaign\n", "line 2 has 2 values, the header 3", "one value"),
    ("accounts.csv", ACCOUNTS + "a,activecampaign,UTC,x\n", "line 2 has 4 values, the header 3", "one value"),
    ("accounts.csv", ACCOUNTS + "\na,activecampaign,UTC\n", "line 2 is blank", "remove it"),
    ("accounts.csv", ACCOUNTS + "a,activecampaign,UTC\na,chatwoot,UTC\n", "line 3 repeats line 2", "remove"),
    (
        "accounts.csv",
        ACCOUNTS + "a ,activecampaign,UTC\n",
        "line 2, column account_id: 'a '",
        "without surrounding blanks",
    ),
    ("accounts.csv", ACCOUNTS + 'a,activecampaign,"UTC\n', "is not valid CSV", "quotation marks"),
    (
        "accounts.csv",
        ACCOUNTS + "b,activecampaign,UTC\n\xe8,activecampaign,UTC\n",
        "line 3 is not UTF-8",
        "save",
    ),
    ("accounts.csv", ACCOUNTS.replace(",", ";"), "line 1: the header has no columns account_id", "commas"),
    ("accounts.csv", "", "line 1: the header has no columns account_id", "add them"),
    ("accounts.csv", None, "the seed is missing", "restore it"),
    ("accounts.csv", "account_id,platform,time_zone,time_zone\n", "has time_zone twice", "remove one"),
    ("working_hours.csv", HOURS + "demo,8,09:00,18:00\n", "line 2, column iso_weekday: '8'", "1 (Monday)"),
    ("working_hours.csv", HOURS + "demo,1,9,18:00\n", "line 2, column opens_at: '9'", "09:00"),
    ("working_hours.csv", HOURS + "demo,1,24:00,18:00\n", "line 2, column opens_at: '24:00'", "09:00"),
    ("working_hours.csv", HOURS + "demo,1,09:00,24:01\n", "line 2, column closes_at: '24:01'", "24:00"),
    (
        "holidays.csv",
        "account_id,holiday_on,name\ndemo,1/5/2025,x\n",
        "line 2, column holiday_on",
        "YYYY-MM-DD",
    ),
    (
        "csat_scales.csv",
        SCALES + "chatwoot,1,five,4,2\n",
        "line 2, column rating_max: 'five'",
        "whole number",
    ),
    ("csat_scales.csv", SCALES + "chatwoot,1,5,2,4\n", "line 2, column rating_max", "more than"),
    ("csat_scales.csv", SCALES + "chatwoot,5,1,4,2\n", "line 2, column rating_max", "more than"),
    (
        "conversation_origins.csv",
        "platform,source,origin\nchatwoot,X,pigeon\n",
        "column origin: 'pigeon'",
        "flow",
    ),
    (
        "conversation_statuses.csv",
        "platform,source_status,status\nchatwoot,,new\n",
        "column source_status",
        "a",
    ),
    (
        "delivery_statuses.csv",
        "platform,source_status,delivery_status\nchatwoot,X,sunk\n",
        "'sunk'",
        "queued",
    ),
    ("erasures.csv", "account_id,contact_id,requested_on\nnone,k1,2026-01-01\n", "column account_id", "demo"),
    (
        "sla_targets.csv",
        "account_id,measure,target_minutes,clock\ndemo,reply,-1,working\n",
        "line 2, column target_minutes: '-1'",
        "whole number",
    ),
]


@pytest.mark.parametrize(("name", "content", "problem", "remedy"), INVALID_SEEDS)
def test_an_invalid_seed_is_named_by_file_line_and_column(
    seeds: Path, name: str, content: str | None, problem: str, remedy: str
) -> None:
    (seeds / name).unlink(missing_ok=True)
    if content is not None:
        (seeds / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(SettingsError) as error:
        read_seeds(seeds)
    assert str(error.value).startswith(str(seeds / name))
    assert problem in str(error.value)
    assert remedy in str(error.value)


def test_an_error_never_contains_an_erased_contact(seeds: Path) -> None:
    header = "account_id,contact_id,requested_on\n"
    for line in ("demo,39333,soon", "demo,39333", "none,39333,2026-01-01"):
        (seeds / "erasures.csv").write_text(f"{header}{line}\n")
        with pytest.raises(SettingsError) as error:
            read_seeds(seeds)
        assert "39333" not in str(error.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "mixed"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_any_line_ends_and_a_byte_order_mark_are_accepted(seeds: Path, end: str, mark: str) -> None:
    lines = [ACCOUNTS.strip(), 'a,"activecampaign",UTC', "b,chatwoot,Europe/Rome"]
    ends = ["\r\n", "\n", "\r"] if end == "mixed" else [end] * 3
    (seeds / "accounts.csv").write_bytes(
        (mark + "".join(map("".join, zip(lines, ends, strict=True)))).encode()
    )
    (seeds / "sla_targets.csv").write_text("account_id,measure,target_minutes,clock\n")
    assert read_seeds(seeds).accounts == {
        "a": Account("a", PLATFORMS["activecampaign"], "UTC"),
        "b": Account("b", PLATFORMS["chatwoot"], "Europe/Rome"),
    }


def test_the_default_rating_scale_is_one_to_five(seeds: Path) -> None:
    (seeds / "csat_scales.csv").write_text("platform,rating_min,rating_max\nchatwoot,0,10\n")
    assert read_seeds(seeds).rating_scales == dict.fromkeys(PLATFORMS, (1, 5)) | {"chatwoot": (0, 10)}


def test_the_seeds_of_the_project_are_valid() -> None:
    assert "demo" in read_seeds(PROJECT / "seeds").accounts


def test_every_seed_is_validated_before_an_ingest_and_by_sensor_ticks(seeds: Path, tmp_path: Path) -> None:
    home = TemporaryHome(tmp_path / "home", project=tmp_path)
    home.drop("agents/a.jsonl", '{"id": 1}')
    (seeds / "working_hours.csv").write_text(HOURS + "demo,1,25:00,26:00\n")
    for call in (home.ingest, lambda: has_changes(home.settings)):
        with pytest.raises(SettingsError, match="working_hours"):
            call()
    assert not home.settings.raw_path.exists()
    with dg.DagsterInstance.ephemeral() as instance:
        skipped = new_exports_sensor(home.settings)(dg.build_sensor_context(instance))
    assert "working_hours.csv: line 2, column opens_at" in skipped.skip_message
