"""Dagster's storage in the folder of the settings. `dagster.yaml` refers to its three parts.

Belongs here: the location of Dagster's files, and opening them. Does not: their content and retention.
A value from the environment in `dagster.yaml` has no default, so without these classes Dagster's own commands
would fail in a shell that does not set it. The connections to SQLite stay open.

Dagster opens a connection to its event log for each event. When the last connection closes, SQLite copies the
write-ahead log into the file and waits for the disk. A run writes a thousand events.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import sqlalchemy
from dagster._config import UserConfigSchema
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SqliteEventLogStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.engine import Connection, Engine

from orchestration.settings import load_settings


class EventLog(SqliteEventLogStorage):
    """The event log, in Dagster's files: one per run and an index."""

    def __init__(self, base_dir: str) -> None:
        self._engines: dict[str, Engine] = {}
        self._tables: set[str] = set()
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> Engine:
        if shard not in self._engines:
            self._close(self._engines.keys() - {INDEX_SHARD_NAME})  # of the previous run
            engine = sqlalchemy.create_engine(
                self.conn_string_for_shard(shard), connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
            )
            sqlalchemy.event.listen(engine, "connect", _commit_without_waiting)
            self._engines[shard] = engine
        return self._engines[shard]

    def _close(self, shards: set[str]) -> None:
        for shard in shards:
            self._engines.pop(shard).dispose()

    def store_event(self, event: EventLogEntry) -> None:
        """Store an event, and touch the file for its watchers: SQLite writes to the -wal file only."""
        super().store_event(event)
        os.utime(self.path_for_shard(event.run_id))

    def has_table(self, table_name: str) -> bool:
        """Return whether a table exists. A positive answer is cached."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def dispose(self) -> None:
        """Close all connections, which merges the write-ahead logs into their files."""
        super().dispose()
        self._close(set(self._engines))


class Storage(DagsterSqliteStorage):
    """Dagster's SQLite storage in the folder of the settings, with another event log."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = EventLog(self._event_log_storage._base_dir)

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Return an empty schema: there are no options."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Return the storage in the folder of the settings. Raises `SettingsError`."""
        return cls.from_local(str(load_settings().dagster_path), inst_data)


class ArtifactStorage(LocalArtifactStorage):
    """Dagster's files of runs, next to its storage."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Return an empty schema: there are no options."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Return the files in the folder of the settings. Raises `SettingsError`."""
        return cls(str(load_settings().dagster_path), inst_data)


class ComputeLogs(LocalComputeLogManager):
    """The output of the steps of runs, next to Dagster's storage."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Return an empty schema: there are no options."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Return the logs in the folder of the settings. Raises `SettingsError`."""
        return cls(str(load_settings().dagster_path), inst_data=inst_data)


def _commit_without_waiting(connection: Any, _record: Any) -> None:
    # A power failure can lose the last events, but cannot corrupt the file.
    connection.execute("pragma synchronous = normal")
