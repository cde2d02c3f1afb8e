"""Every setting, its default and its check, and every path that follows from them.

Belongs here: what can be set from outside, and where things lie. Does not: what is done with it.
"""

import os
import re
import secrets
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Literal
from zoneinfo import available_timezones

from croniter import croniter
from dotenv import load_dotenv
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from orchestration.common.files import readable_by_others

PROJECT = Path(__file__).resolve().parent.parent
DOTENV = PROJECT / ".env"
PREFIX = "CONVERSATIONS_"
MOST_DAYS = 366 * 100
# No settings: `warehouse` sets the first for dbt, deploy/compose.yaml reads the others.
OTHER_NAMES = {f"{PREFIX}PLATFORMS", f"{PREFIX}LANDING_URL", f"{PREFIX}CONNECTIONS_FOLDER"}
Engine = Literal["duckdb", "spark"]
ReportLanguage = Literal["en", "it"]
ReportPeriod = Literal["last_full_week", "last_full_month", "last_full_quarter", "last_28_days"]


class SettingsError(Exception):
    """An invalid setting; the message names it, its value and what was expected."""


class Settings(BaseSettings):
    """The settings, read from environment variables that begin with `CONVERSATIONS_`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, allow_inf_nan=False
    )

    home: Path = Field(PROJECT / "data", description="where everything below lies")
    landing: str | Path | None = Field(
        None,
        description="where the exports are dropped: a folder, or a URL such as `s3://bucket/prefix`;"
        " default `<home>/landing`",
    )
    project: Path = Field(
        PROJECT,
        description="holds `dbt_project/`, `models/` and `seeds/`; a copy of them to keep other seeds",
    )
    dagster: Path | None = Field(None, description="Dagster's own storage; default `<home>/dagster`")
    hash_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="key of the hash that stands for a contact; default: made once, in `<home>/hash_key`",
    )
    settle_seconds: float = Field(
        2, ge=0, le=3600, description="a file changed less than this long ago is waited for"
    )
    max_unpacked_gb: float = Field(
        20,
        gt=0,
        le=1_000_000,
        description="a file that unpacks to more than this is refused; a small archive can hold much",
    )
    schedule: str = Field("0 5 * * *", description="when the daily run starts (cron)")
    time_zone: str = Field("Europe/Rome", description="zone of the schedule (IANA name)")
    connections: Path | None = Field(
        None,
        description="TOML file of the APIs and webhooks that files are fetched and received from; default"
        " `<project>/connections.toml`",
    )
    fetch_schedule: str = Field("*/30 * * * *", description="when the schedule `fetch` starts (cron)")
    receive_minutes: int = Field(
        60, ge=1, le=1440, description="how many minutes of webhooks the receiver puts into one file"
    )
    window_hours: float = Field(
        24,
        ge=1,
        description="hours for which a customer's message keeps a WhatsApp Cloud conversation open",
    )
    max_rejected_share: float = Field(
        0.05, ge=0, le=1, description="more rejected records than this share block a release"
    )
    max_volume_drop: float = Field(
        0.5, gt=0, le=1, description="a table that lost more than this share of its rows blocks a release"
    )
    stale_after_hours: float = Field(
        36,
        gt=0,
        le=24 * MOST_DAYS,
        description="a published table or its data older than this gets a warning",
    )
    stale_error_after_hours: float = Field(
        72, gt=0, le=24 * MOST_DAYS, description="a published table older than this counts as stale"
    )
    alert_urls: SecretStr | None = Field(
        None,
        description="who is told of failed runs and old data: addresses of apprise, with spaces between",
    )
    report_url: str = Field(
        "http://127.0.0.1:8501",
        pattern=r"^https?://\S+$",
        description="address of the report pages, with the path behind a proxy, for links to them",
    )
    report_urls: SecretStr | None = Field(
        None,
        description="receivers of the reports of each new release: addresses of apprise, separated by spaces",
    )
    report_period: ReportPeriod = Field(
        "last_full_month", description="period of the reports that are sent, counted from the latest data"
    )
    report_language: ReportLanguage = Field("en", description="language of the reports that are sent")
    keep_releases: int = Field(5, ge=1, le=10_000, description="how many releases are kept, to go back to")
    parquet: bool = Field(True, description="whether a release holds its tables as Parquet files too")
    keep_rejected_days: int | None = Field(
        None, ge=1, le=MOST_DAYS, description="rejected records keep their text this long; default: for ever"
    )
    keep_raw_days: int | None = Field(
        None, ge=1, le=MOST_DAYS, description="records are kept at least this long; default: for ever"
    )
    report_access: Path | None = Field(
        None, description="CSV file `email,account_id` of who may see which account; default: everybody, all"
    )
    report_user_header: str | None = Field(
        None, description="header in which a proxy that you trust passes the user's e-mail"
    )
    memory_limit: str = Field(
        "4GB", pattern=r"^\d+(\.\d+)?\s*(MB|GB|TB|MiB|GiB|TiB)$", description="DuckDB's memory limit"
    )
    threads: int = Field(os.cpu_count() or 2, ge=1, le=1024, description="DuckDB's threads")
    engine: Engine = Field("duckdb", description="what makes the tables: `duckdb`, or `spark` on a cluster")
    spark_host: str = Field("127.0.0.1", description="host of Spark's thrift server")
    spark_port: int = Field(10000, ge=1, le=65535, description="port of Spark's thrift server")
    spark_home: str | None = Field(
        None, description="what Spark calls the home, such as `s3a://bucket/home`; default: the same path"
    )

    @field_validator("home", "project", "dagster", "report_access", "connections")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path else None

    @field_validator("home")
    @classmethod
    def _no_pattern(cls, path: Path) -> Path:
        if re.search(r"""[*?\[\]{}'"\x00-\x1f]""", str(path)):
            raise ValueError(
                "the path must hold no quotation mark and none of * ? [ ] { }; rename the folder"
            )
        return path

    @field_validator("memory_limit")
    @classmethod
    def _some_memory(cls, limit: str) -> str:
        amount, unit = re.fullmatch(r"([\d.]+)\s*(\w+)", limit).groups()
        megabytes = float(amount) * {"M": 1, "G": 1000, "T": 1_000_000}[unit[0]]
        if not 100 <= megabytes <= 1_000_000_000:
            raise ValueError("expected between 100MB and 1000TB; write for example 4GB")
        return limit

    @field_validator("landing")
    @classmethod
    def _folder_or_url(cls, landing: str | Path | None) -> str | Path | None:
        if landing is None or "://" not in str(landing):
            return cls._absolute(Path(landing)) if landing else None
        url = str(landing).rstrip("/")
        if re.search(r"://[^@]*:[^@]*@|\?", url):
            raise ValueError(
                "the URL must hold no password, key or query; give credentials in variables of their own, for"
                " S3 AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        if not re.match(r"[a-z][a-z0-9+.-]*://.", url):
            raise ValueError("not a URL; write for example s3://bucket/prefix")
        return url

    @field_validator("home", "dagster", "landing")
    @classmethod
    def _below_folders(cls, path: str | Path | None) -> str | Path | None:
        if isinstance(path, Path):
            files = [part for part in (path, *path.parents) if part.exists() and not part.is_dir()]
            if files:
                raise ValueError(f"{files[0]} is a file, where a folder is expected; name another folder")
        return path

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        if zone not in available_timezones() - {"localtime", "Factory"}:
            raise ValueError("not a zone of the IANA database; write for example Europe/Rome")
        return zone

    @field_validator("schedule", "fetch_schedule")
    @classmethod
    def _valid_cron(cls, schedule: str) -> str:
        if not croniter.is_valid(schedule):
            raise ValueError("not a cron schedule; write for example '0 5 * * *' for every day at 05:00")
        return schedule

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if self.stale_after_hours > self.stale_error_after_hours:
            raise ValueError(f"{PREFIX}STALE_AFTER_HOURS must not exceed {PREFIX}STALE_ERROR_AFTER_HOURS")
        made = [path for path in self.derived_paths if self.landing_path.is_relative_to(path)]
        if made and not self.landing_url:
            raise ValueError(f"{PREFIX}LANDING must not lie in {made[0]}, which `make clean` removes")
        return self

    @cached_property
    def landing_path(self) -> Path:
        """Folder of the raw export files; of a landing behind a URL, of the local copies of them."""
        if self.landing_url:
            return self.home / "landing-copy"
        return Path(self.landing or self.home / "landing")

    @cached_property
    def landing_url(self) -> str | None:
        """URL of the raw export files, if they do not lie in a folder of this machine."""
        return self.landing if isinstance(self.landing, str) else None

    @cached_property
    def max_unpacked_bytes(self) -> int:
        """How many bytes a file may unpack to."""
        return int(self.max_unpacked_gb * 2**30)

    @cached_property
    def seeds(self) -> Path:
        """Folder of the dbt seeds: accounts, working hours, holidays and the vocabularies."""
        return self.project / "seeds"

    @cached_property
    def connections_path(self) -> Path:
        """The TOML file of the accounts' APIs and webhooks; it need not exist."""
        return self.connections or self.project / "connections.toml"

    @cached_property
    def fetch_path(self) -> Path:
        """Folder of how far each account was fetched."""
        return self.home / "fetch"

    @cached_property
    def raw_path(self) -> Path:
        """Folder of the typed Parquet files."""
        return self.home / "raw"

    @cached_property
    def rejected_path(self) -> Path:
        """Folder of what was refused, with the reasons."""
        return self.home / "rejected"

    @cached_property
    def work_path(self) -> Path:
        """Folder of what an ingest writes before it commits; a killed one leaves it to the next."""
        return self.home / "ingest.tmp"

    @cached_property
    def set_aside_path(self) -> Path:
        """Folder of what was ingested before a full refresh, until that has published."""
        return self.home / "before-refresh"

    @cached_property
    def warehouse_path(self) -> Path:
        """The DuckDB file of the staging views and the intermediate tables."""
        return self.home / "warehouse.duckdb"

    @cached_property
    def candidate_path(self) -> Path:
        """The DuckDB file of the candidate: every published table, not yet checked."""
        return self.home / "candidate.duckdb"

    @cached_property
    def lock_path(self) -> Path:
        """Lock file of whatever changes the home."""
        return self.home / "run.lock"

    @cached_property
    def quality_path(self) -> Path:
        """Folder of what the checks of each run found."""
        return self.home / "quality"

    @cached_property
    def published_path(self) -> Path:
        """Folder of what readers read."""
        return self.home / "published"

    @cached_property
    def dagster_path(self) -> Path:
        """Folder of Dagster's run, event and schedule storage."""
        return self.dagster or self.home / "dagster"

    @cached_property
    def dbt_target_path(self) -> Path:
        """Folder of what dbt compiles and logs."""
        return self.home / "dbt"

    @cached_property
    def spark_tables_path(self) -> Path:
        """Folder of the tables that Spark makes: a folder of Parquet for each, by its layer."""
        return self.home / "spark" / "tables"

    @cached_property
    def hash_key_path(self) -> Path:
        """File that holds the key of the contact hash, readable by its owner only."""
        return self.home / "hash_key"

    @cached_property
    def contact_paths(self) -> tuple[Path, ...]:
        """Files and folders of the home that may hold contacts; an erasure covers all of them."""
        databases = (self.warehouse_path, self.candidate_path)
        return (
            self.raw_path,
            self.rejected_path,
            self.set_aside_path,
            self.work_path,
            self.spark_tables_path,
            self.published_path,
            *databases,
            *(path.with_name(f"{path.name}{beside}") for path in databases for beside in (".wal", ".tmp")),
        )

    @cached_property
    def derived_paths(self) -> tuple[Path, ...]:
        """Files and folders of the home that are made from landing."""
        others = ("landing-copy", "quality", "dbt", "dagster", "spark")
        return (*self.contact_paths, *(self.home / name for name in others))

    @cached_property
    def private_paths(self) -> tuple[Path, ...]:
        """Files and folders of the home for their owner alone: all but what is published."""
        others = {*self.contact_paths, self.home / "landing-copy", self.quality_path, self.dbt_target_path}
        return (*(others - {self.published_path}), self.hash_key_path)

    def ensure_home(self) -> Path:
        """Make the home where there is none; others may enter it, since it holds what is published."""
        with readable_by_others():
            self.home.mkdir(parents=True, exist_ok=True)
        return self.home

    def ensure_hash_key(self) -> Path:
        """Write the key file: the set key, or one made at random where there is none yet."""
        path = self.hash_key_path
        kept = (path.exists() and path.read_text()) or secrets.token_hex(32)  # a crash may leave it empty
        key = self.hash_key.get_secret_value() if self.hash_key else kept
        if not path.exists() or path.read_text() != key:
            self.ensure_home()
            path.touch(mode=0o600)
            path.write_text(key)
        return path

    def environment(self) -> dict[str, str]:
        """Return the environment variables through which dbt and Dagster's instance see these settings."""
        return {
            f"{PREFIX}HOME": str(self.home),
            f"{PREFIX}ENGINE": self.engine,
            f"{PREFIX}DAGSTER": str(self.dagster_path),
            f"{PREFIX}MEMORY_LIMIT": self.memory_limit,
            f"{PREFIX}THREADS": str(self.threads),
            f"{PREFIX}WINDOW_HOURS": f"{self.window_hours:g}",
            f"{PREFIX}SPARK_HOST": self.spark_host,
            f"{PREFIX}SPARK_PORT": str(self.spark_port),
            f"{PREFIX}SPARK_HOME": self.spark_home or str(self.home),
        }


def load_settings() -> Settings:
    """Read the settings from the environment, and from `.env` what the environment does not set.

    All of `.env` becomes part of the environment, since it may hold credentials for other libraries. Raises
    `SettingsError` that names every variable that is invalid or unknown.
    """
    try:
        load_dotenv(DOTENV, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{DOTENV} cannot be read ({error}); save it as UTF-8, readable") from None
    _reject_unknown_names()
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(_complaint(problem) for problem in error.errors())) from None


def alert_urls() -> SecretStr:
    """Return the addresses of alerts, even if another setting is invalid."""
    return SecretStr(os.environ.get(f"{PREFIX}ALERT_URLS", ""))


def _reject_unknown_names() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    complaints = []
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known | OTHER_NAMES:
            nearest = get_close_matches(name.upper(), known, 1)
            remedy = f"did you mean {nearest[0]}?" if nearest else "the README lists all settings"
            complaints.append(f"{name}: there is no such setting; {remedy}")
    if complaints:
        raise SettingsError("\n".join(complaints))


def _complaint(problem: dict) -> str:
    expected = problem["msg"].removeprefix("Value error, ")
    if not problem["loc"]:
        return expected
    name = problem["loc"][0]
    if name in ("hash_key", "alert_urls", "report_urls") or "://" in str(problem["input"]):
        return f"{PREFIX}{name.upper()}: {expected} (its value is not shown)"
    return f"{PREFIX}{str(name).upper()}={problem['input']!r}: {expected}"
