"""Every path derived from the settings: the files and folders of a home, of the project and of landing.

Belongs here: where files are, and which of them are private or hold personal data. Does not: their content.
"""

from functools import cached_property
from pathlib import Path


class Paths:
    """The paths of `Settings`, which inherits this class."""

    @cached_property
    def landing_path(self) -> Path:
        """Folder of the raw export files. If landing is a URL, the folder of their local copies."""
        if self.landing_url:
            return self.home / "landing-copy"
        return Path(self.landing or self.home / "landing")

    @cached_property
    def landing_url(self) -> str | None:
        """URL of the raw export files, or None if landing is a local folder."""
        return self.landing if isinstance(self.landing, str) else None

    @cached_property
    def seeds(self) -> Path:
        """Folder of the dbt seeds: accounts, working hours, holidays and the vocabularies."""
        return self.project / "seeds"

    @cached_property
    def connections_path(self) -> Path:
        """The TOML file of the accounts' APIs and webhooks. It is optional."""
        return self.connections or self.project / "connections.toml"

    @cached_property
    def fetch_path(self) -> Path:
        """Folder of the fetch progress of each account."""
        return self.home / "fetch"

    @cached_property
    def raw_path(self) -> Path:
        """Folder of the typed Parquet files."""
        return self.home / "raw"

    @cached_property
    def rejected_path(self) -> Path:
        """Folder of the rejected records, with the reasons."""
        return self.home / "rejected"

    @cached_property
    def work_path(self) -> Path:
        """Folder of the files of an ingest before it commits. The next ingest removes what is left."""
        return self.home / "ingest.tmp"

    @cached_property
    def set_aside_path(self) -> Path:
        """Folder of the data ingested before a full refresh, kept until the refresh is published."""
        return self.home / "before-refresh"

    @cached_property
    def warehouse_path(self) -> Path:
        """DuckDB file of the staging views and the intermediate tables."""
        return self.home / "warehouse.duckdb"

    @cached_property
    def candidate_path(self) -> Path:
        """DuckDB file of the candidate: the tables to publish, before the checks."""
        return self.home / "candidate.duckdb"

    @cached_property
    def lock_path(self) -> Path:
        """Lock file of every process that changes the home."""
        return self.home / "run.lock"

    @cached_property
    def quality_path(self) -> Path:
        """Folder of the check results of each run."""
        return self.home / "quality"

    @cached_property
    def published_path(self) -> Path:
        """Folder of the published data."""
        return self.home / "published"

    @cached_property
    def dagster_path(self) -> Path:
        """Folder of Dagster's run, event and schedule storage."""
        return self.dagster or self.home / "dagster"

    @cached_property
    def dbt_target_path(self) -> Path:
        """Folder of dbt's target and logs."""
        return self.home / "dbt"

    @cached_property
    def spark_tables_path(self) -> Path:
        """Folder of the tables built by Spark: one folder of Parquet files per table, by layer."""
        return self.home / "spark" / "tables"

    @cached_property
    def hash_key_path(self) -> Path:
        """File with the key of the contact hash, readable by its owner only."""
        return self.home / "hash_key"

    @cached_property
    def contact_paths(self) -> tuple[Path, ...]:
        """Files and folders that may contain personal data of contacts. An erasure covers all of them."""
        databases = (self.warehouse_path, self.candidate_path)
        return (
            self.raw_path,
            self.rejected_path,
            self.set_aside_path,
            self.work_path,
            self.spark_tables_path,
            self.published_path,
            *databases,
            *(path.with_name(f"{path.name}{suffix}") for path in databases for suffix in (".wal", ".tmp")),
        )

    @cached_property
    def derived_paths(self) -> tuple[Path, ...]:
        """Files and folders that are derived from landing."""
        others = ("landing-copy", "quality", "dbt", "dagster", "spark")
        return (*self.contact_paths, *(self.home / name for name in others))

    @cached_property
    def private_paths(self) -> tuple[Path, ...]:
        """Files and folders that only their owner may read: all except the published ones."""
        others = {*self.contact_paths, self.home / "landing-copy", self.quality_path, self.dbt_target_path}
        return (*(others - {self.published_path}), self.hash_key_path)
