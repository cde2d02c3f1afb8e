"""Every setting with its default and validation.

Belongs here: environment variables. Does not: paths derived from them (`paths`), and the code that uses them.
"""

import os
import re
import secrets
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Literal
from zoneinfo import available_timezones

from croniter import CroniterBadDateError, croniter
from dotenv import load_dotenv
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from orchestration.common.files import readable_by_others, replace
from orchestration.paths import Paths

PROJECT = Path(__file__).resolve().parent.parent
DOTENV = PROJECT / ".env"
PREFIX = "CONVERSATIONS_"
MAX_DAYS = 366 * 100
# Variables with the prefix that are no settings: `warehouse` sets the first, deploy/compose.yaml the others.
OTHER_NAMES = {f"{PREFIX}PLATFORMS", f"{PREFIX}LANDING_URL", f"{PREFIX}CONNECTIONS_FOLDER"}
Engine = Literal["duckdb", "spark"]
ReportLanguage = Literal["en", "it"]
ReportPeriod = Literal["last_full_week", "last_full_month", "last_full_quarter", "last_28_days"]


class SettingsError(Exception):
    """An invalid setting. The message has its name, its value and what is expected."""


class Settings(Paths, BaseSettings):
    """The settings, read from environment variables with the prefix `CONVERSATIONS_`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, allow_inf_nan=False
    )

    home: Path = Field(PROJECT / "data", description="folder of all data")
    landing: str | Path | None = Field(
        None,
        description="location of the exports: a folder, or a URL such as `s3://bucket/prefix`;"
        " default `<home>/landing`",
    )
    project: Path = Field(
        PROJECT, description="folder of `dbt_project/`, `models/` and `seeds/`; use a copy for your own seeds"
    )
    dagster: Path | None = Field(None, description="folder of Dagster's storage; default `<home>/dagster`")
    hash_key: SecretStr | None = Field(
        None,
        min_length=16,
        description="key of the contact hash; default: generated once, in `<home>/hash_key`",
    )
    settle_seconds: float = Field(
        2, ge=0, le=3600, description="minimum age of a file's last change before it is ingested"
    )
    max_unpacked_gb: float = Field(
        20, gt=0, le=1_000_000, description="a compressed file that expands to more than this is rejected"
    )
    schedule: str = Field("0 5 * * *", description="when the daily run starts (cron)")
    time_zone: str = Field("Europe/Rome", description="zone of the schedule (IANA name)")
    connections: Path | None = Field(
        None,
        description="TOML file of the APIs to fetch from and the webhooks to receive; default"
        " `<project>/connections.toml`",
    )
    fetch_schedule: str = Field("*/30 * * * *", description="when the schedule `fetch` starts (cron)")
    receive_minutes: int = Field(
        60, ge=1, le=1440, description="minutes of webhooks per file of the receiver"
    )
    max_rejected_share: float = Field(
        0.05, ge=0, le=1, description="a higher share of rejected records blocks a release"
    )
    max_volume_drop: float = Field(
        0.5, gt=0, le=1, description="a table that loses more than this share of its rows blocks a release"
    )
    stale_after_hours: float = Field(
        36, gt=0, le=24 * MAX_DAYS, description="older data or an older published table raises a warning"
    )
    stale_error_after_hours: float = Field(
        72, gt=0, le=24 * MAX_DAYS, description="an older published table is stale"
    )
    alert_urls: SecretStr | None = Field(
        None, description="Apprise URLs that receive alerts, separated by spaces"
    )
    report_url: str = Field(
        "http://127.0.0.1:8501",
        pattern=r"^https?://\S+$",
        description="address of the report pages, with the path behind a proxy, for links to them",
    )
    report_urls: SecretStr | None = Field(
        None, description="Apprise URLs that receive the reports of each new release, separated by spaces"
    )
    report_period: ReportPeriod = Field(
        "last_full_month", description="period of the reports that are sent, counted from the latest data"
    )
    report_language: ReportLanguage = Field("en", description="language of the reports that are sent")
    keep_releases: int = Field(5, ge=1, le=10_000, description="number of releases to keep for a rollback")
    parquet: bool = Field(True, description="whether a release also has Parquet files")
    keep_rejected_days: int | None = Field(
        None, ge=1, le=MAX_DAYS, description="rejected records keep their text this long; default: forever"
    )
    keep_raw_days: int | None = Field(
        None, ge=1, le=MAX_DAYS, description="records are kept at least this long; default: forever"
    )
    report_access: Path | None = Field(
        None, description="CSV file `email,account_id` of each user's accounts; default: all for every user"
    )
    report_user_header: str | None = Field(
        None, description="header in which a trusted proxy sends the user's e-mail address"
    )
    memory_limit: str = Field(
        "4GB", pattern=r"^\d+(\.\d+)?\s*(MB|GB|TB|MiB|GiB|TiB)$", description="DuckDB's memory limit"
    )
    threads: int = Field(os.cpu_count() or 2, ge=1, le=1024, description="DuckDB's threads")
    engine: Engine = Field("duckdb", description="engine that builds the tables: `duckdb` or `spark`")
    spark_host: str = Field("127.0.0.1", description="host of Spark's thrift server")
    spark_port: int = Field(10000, ge=1, le=65535, description="port of Spark's thrift server")
    spark_home: str | None = Field(
        None, description="path of the home on Spark, such as `s3a://bucket/home`; default: the same path"
    )

    @field_validator("home", "project", "dagster", "report_access", "connections")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        if path is None:
            return None
        try:
            str(path).encode()
            absolute = path.expanduser().absolute()
            absolute.exists()
        except UnicodeEncodeError:
            raise ValueError("the path is not UTF-8; rename the folder") from None
        except RuntimeError:
            raise ValueError("there is no such user; write the whole path") from None
        except OSError as error:
            raise ValueError(f"the path cannot be used ({error.strerror})") from None
        return absolute

    @field_validator("home")
    @classmethod
    def _no_pattern(cls, path: Path) -> Path:
        if re.search(r"""[*?\[\]{}'"\x00-\x1f]""", str(path)):
            raise ValueError(
                "the path must not contain quotation marks or any of * ? [ ] { }; rename the folder"
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
                "the URL must not contain a password, key or query; set credentials as variables, for"
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
                raise ValueError(f"{files[0]} is a file; expected a folder")
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
        has_seconds = len(schedule.split()) > 5
        if has_seconds or not croniter.is_valid(schedule) or not _occurs(schedule):
            raise ValueError("not a cron schedule; write for example '0 5 * * *' for every day at 05:00")
        return schedule

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if self.stale_after_hours > self.stale_error_after_hours:
            raise ValueError(f"{PREFIX}STALE_AFTER_HOURS must not exceed {PREFIX}STALE_ERROR_AFTER_HOURS")
        removed = [path for path in self.derived_paths if self.landing_path.is_relative_to(path)]
        if removed and not self.landing_url:
            raise ValueError(f"{PREFIX}LANDING must not be in {removed[0]}, which `make clean` removes")
        return self

    @cached_property
    def max_unpacked_bytes(self) -> int:
        """Maximum size of an expanded file, in bytes."""
        return int(self.max_unpacked_gb * 2**30)

    def ensure_home(self) -> Path:
        """Create the home, if it does not exist, readable by others: it contains the published data."""
        with readable_by_others():
            self.home.mkdir(parents=True, exist_ok=True)
        return self.home

    def ensure_hash_key(self) -> Path:
        """Write the key file, if needed: the key from the settings, or else a random one. Return its path.

        Raises `SettingsError` if there is no key, but data that was ingested with one.
        """
        path = self.hash_key_path
        kept = path.read_text() if path.exists() else ""
        key = self.hash_key.get_secret_value() if self.hash_key else kept
        if not key and any(self.raw_path.glob("ingested_files/[0-9]*.parquet")):
            raise SettingsError(
                f"{path}: the key of the contact hash is missing, so every contact would get another key."
                f" Restore the file from a backup, or set {PREFIX}HASH_KEY to the key. To accept other keys,"
                " use `make full-refresh`"
            )
        key = key or secrets.token_hex(32)
        if kept != key:
            self.ensure_home()
            written = path.with_name(f"{path.name}.tmp")
            written.touch(mode=0o600)
            written.write_text(key)
            replace(written, path)
        return path

    def environment(self) -> dict[str, str]:
        """Return the environment variables that pass these settings to dbt and to Dagster's instance."""
        return {
            f"{PREFIX}HOME": str(self.home),
            f"{PREFIX}ENGINE": self.engine,
            f"{PREFIX}DAGSTER": str(self.dagster_path),
            f"{PREFIX}MEMORY_LIMIT": self.memory_limit,
            f"{PREFIX}THREADS": str(self.threads),
            f"{PREFIX}SPARK_HOST": self.spark_host,
            f"{PREFIX}SPARK_PORT": str(self.spark_port),
            f"{PREFIX}SPARK_HOME": self.spark_home or str(self.home),
        }


def load_settings() -> Settings:
    """Read the settings from the environment and, for variables that are not set, from `.env`.

    Also loads all other variables of `.env`, such as credentials for libraries. Raises `SettingsError` with
    one line for each invalid or unknown variable.
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


def _occurs(schedule: str) -> bool:
    try:
        croniter(schedule).get_next()
    except CroniterBadDateError:
        return False
    return True


def alert_urls() -> SecretStr:
    """Return the URLs that receive alerts, even if another setting is invalid."""
    return SecretStr(os.environ.get(f"{PREFIX}ALERT_URLS", ""))


def _reject_unknown_names() -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    complaints = []
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX) and name.upper() not in known | OTHER_NAMES:
            nearest = get_close_matches(name.upper(), known, 1)
            remedy = f"did you mean {nearest[0]}?" if nearest else "docs/settings.md lists all settings"
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
