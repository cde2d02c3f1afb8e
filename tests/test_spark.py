"""The engine Spark on a local cluster: the same rows as DuckDB, also after a worker is killed.

Belongs here: macros with two implementations, and the pipeline on Spark. Does not: the expected rows (see
`test_metrics`), nor incremental builds (see `test_increments`).
"""

import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from orchestration.commands import run
from orchestration.publish.reader import reader
from orchestration.publish.release import current_release
from orchestration.settings import PROJECT, Settings
from orchestration.warehouse.spark import SparkError, load_tables, require_spark
from tests.conftest import LOADING, dbt, project_with, published_rows, rows_in
from tests.random_exports import write_seeds
from tests.test_increments import MODELS, OTHER_PLATFORMS, deliver, random_parts
from tests.test_increments import published_rows as candidate_rows

CLUSTER = PROJECT / "deploy" / "spark.sh"

# A query of text for every macro with two implementations. Both engines must return the same rows.
CASES = {
    "seconds_between": """
        select cast({{ seconds_between('a', 'b') }} as {{ dbt.type_string() }})
        from (
            select timestamp '2025-03-30 00:59:59.999999' as a, timestamp '2025-03-30 03:00:00.000001' as b
        ) as t""",
    "to_local": """
        select cast({{ to_local('instant', 'zone') }} as {{ dbt.type_string() }}) from (
            select timestamp '2025-03-30 00:59:59.5' as instant, 'Europe/Rome' as zone
            union all select timestamp '2025-03-30 01:00:00', 'Europe/Rome'
            union all select timestamp '2025-10-26 00:30:00', 'Europe/Rome'
            union all select timestamp '2025-10-26 01:30:00', 'Europe/Rome'
            union all select timestamp '2025-04-05 16:15:00', 'Australia/Adelaide'
            union all select timestamp '2025-04-05 16:15:00', 'Asia/Kolkata'
        ) as t""",
    # Ambiguous local times, and local times that do not exist.
    "to_utc": """
        select cast({{ to_utc('wall', 'zone') }} as {{ dbt.type_string() }}) from (
            select timestamp '2025-10-26 02:30:00' as wall, 'Europe/Rome' as zone
            union all select timestamp '2025-03-30 02:30:00', 'Europe/Rome'
            union all select timestamp '2025-04-06 01:45:00', 'Australia/Lord_Howe'
            union all select timestamp '2025-10-05 02:15:00', 'Australia/Lord_Howe'
            union all select timestamp '2025-03-30 03:30:00', 'Europe/Rome'
            union all select timestamp '2025-11-02 01:30:00', 'America/New_York'
            union all select timestamp '2025-03-09 02:15:00', 'America/New_York'
            union all select timestamp '2025-07-01 09:30:00', 'Asia/Kolkata'
        ) as t""",
    "iso_weekday": """
        select cast({{ iso_weekday('day') }} as {{ dbt.type_string() }})
        from (select date '2025-12-01' as day union all select date '2025-12-07') as t""",
    "explode_hours": """
        select cast(hour_at as {{ dbt.type_string() }}) from (
            select {{ explode_hours('a', 'b') }} as hour_at
            from (select timestamp '2025-03-29 23:00:00' as a, timestamp '2025-03-30 03:00:00' as b) as t
        ) as hours""",
    "dateadd": """
        select cast({{ dbt.dateadd('hour', 1, 'a') }} as {{ dbt.type_string() }}) || ' '
            || cast({{ dbt.dateadd('day', -2, 'a') }} as {{ dbt.type_string() }})
        from (select timestamp '2025-03-30 00:00:00' as a) as t""",
    "sorted_list, explode_list, last_element": """
        select tag || ' ' || last_tag from (
            select {{ explode_list('tags') }} as tag, {{ last_element('tags') }} as last_tag
            from (
                select {{ sorted_list('name') }} as tags from (
                    select 'b' as name union all select 'a' union all select 'Z' union all select 'Über'
                    union all select 'b' union all select ''
                ) as named
            ) as listed
        ) as exploded""",
    "clean_text": """
        select '<' || coalesce({{ clean_text('text') }}, 'null') || '>' from (
            select ' a\u200bb ' as text union all select 'x\u202ey' union all select 'z\ufe0f'
            union all select 'a\tb' union all select 'Über' union all select ''
            union all select 'cafe\u0301' union all select 'ﬁ' union all select null
        ) as t""",
    "previous_value, next_value": """
        select name || ' ' || coalesce(earlier, 'none') || ' ' || coalesce(later, 'none') from (
            select
                name,
                {{ previous_value('value', '(partition by account order by name)') }} as earlier,
                {{ next_value('value', '(partition by account order by name)') }} as later
            from (
                select 'a' as name, 1 as account, 'a' as value union all select 'b', 1, null
                union all select 'c', 1, null union all select 'd', 1, 'd' union all select 'e', 2, 'e'
            ) as t
        ) as neighbours""",
    # Rows with equal times, and a field that is null.
    "struct_of": """
        select first_row.id || ' ' || last_row.id || ' ' || coalesce(last_row.value, 'null')
        from (
            select
                min({{ in_order('sent_at', 'id', {'value': 'value'}) }}) as first_row,
                max({{ in_order('sent_at', 'id', {'value': 'value'}) }}) as last_row
            from (
                select timestamp '2025-03-30 00:00:00' as sent_at, 'a:9' as id, 'nine' as value
                union all select timestamp '2025-03-30 00:00:00', 'a:10', null
                union all select timestamp '2025-03-29 23:59:59.5', 'a:11', 'eleven'
                union all select timestamp '2025-03-30 00:00:00', 'A:10', 'upper'
            ) as t
        ) as ends""",
    "empty_text_list, no_tags": """
        select coalesce({{ last_element(empty_text_list()) }}, 'nothing')
        union all select coalesce({{ last_element('tags') }}.name, 'nothing')
        from (select {{ no_tags() }} as tags) as t""",
    "trimmed": """
        select '<' || {{ trimmed('text') }} || '>' from (
            select ' a b ' as text union all select '\u00a0Anna\u2003'
            union all select '\tb' union all select ''
        ) as t""",
    "hash_of": """
        select cast(count(distinct {{ hash_of(['a', 'b']) }}) as {{ dbt.type_string() }}) from (
            select 'a' as a, 'b' as b union all select 'a', 'b'
            union all select 'ab', '' union all select 'b', 'a'
        ) as t""",
    # A key of 32 hexadecimal digits, which DuckDB stores as a UUID.
    "half_key": """
        select replace(cast({{ half_key('key') }} as {{ dbt.type_string() }}), '-', '')
        from (select {{ keyed_hash("'demo:Ü 1'") }} as key) as t""",
    "tags_or_untagged, untagged": """
        select {{ last_element(tags_or_untagged('tags')) }} from (
            select {{ empty_text_list() }} as tags
            union all select {{ sorted_list('name') }}
            from (select 'b' as name union all select 'a') as tagged
        ) as t""",
    "keyed_hash": "select {{ keyed_hash('text') }} from (select 'demo:Ü 1' as text) as t",
    "percentile": """
        select cast({{ percentile('x', 0.5) }} as {{ dbt.type_string() }}) || ' '
            || cast({{ percentile('x', 0.9) }} as {{ dbt.type_string() }})
        from (
            select cast(1 as double) as x, 1 as g union all select 4.1, 1 union all select 59.5, 1
            union all select 86399.123457, 1 union all select null, 1
            union all select 7, 2 union all select null, 3
        ) as t
        group by g""",
}


def test_a_missing_cluster_is_an_error_with_the_command_to_start_it():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # without listening
        with pytest.raises(SparkError, match=r"No Spark answers at 127\.0\.0\.1:\d+ .*make spark-up"):
            require_spark(Settings(spark_port=taken.getsockname()[1]))


def test_a_table_of_spark_is_loaded_like_a_table_of_duckdb(sample, tmp_path):
    settings = Settings(home=tmp_path)
    settings.dbt_target_path.mkdir()
    shutil.copy(sample.dbt_target_path / "manifest.json", settings.dbt_target_path)
    folder = settings.spark_tables_path / "marts" / "fct_conversations"
    folder.mkdir(parents=True)
    query = (
        "select column_name, data_type, comment from duckdb_columns() where table_name = 'fct_conversations'"
    )
    with duckdb.connect(sample.candidate_path, read_only=True) as connection:
        # Like Spark: timestamps with a zone, UUIDs as text.
        connection.execute("set timezone = 'America/New_York'")
        connection.execute(f"""
            copy (
                select * replace (
                    timezone('UTC', started_at) as started_at, cast(owner_key as varchar) as owner_key
                )
                from fct_conversations
            )
            to '{folder / "part-0.parquet"}' (format parquet)""")
        expected = connection.execute(query).fetchall(), rows_in(connection, "fct_conversations")
    assert load_tables(settings) == ["fct_conversations"], "a table without a file has no rows"
    with duckdb.connect(settings.candidate_path, read_only=True) as connection:
        assert (connection.execute(query).fetchall(), rows_in(connection, "fct_conversations")) == expected
        tables = connection.execute("select database_name, table_name from duckdb_tables()").fetchall()
        assert tables == [("candidate", "fct_conversations")], "the file must contain only published tables"


def test_every_macro_with_two_implementations_has_a_case():
    text = "".join(path.read_text() for path in (PROJECT / "dbt_project" / "macros").glob("*.sql"))
    dispatched = {part.split("'")[0] for part in text.split("adapter.dispatch('")[1:]}
    cases = " ".join(CASES) + " " + " ".join(CASES.values())
    assert {name for name in dispatched if name not in cases} == {
        "interpolated",  # percentile calls it
        "accounts_with_api_messages",  # reads a seed
    }


@pytest.fixture
def spark(tmp_path):
    """Yield the settings of a home with a separate cluster, which stops after the test."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = Settings(
        home=tmp_path / "spark", dagster=tmp_path / "spark" / "dagster", engine="spark", spark_port=port
    )
    start_cluster(settings)
    yield settings
    subprocess.run([CLUSTER, "down"], env=os.environ | settings.environment(), check=True)


def start_cluster(settings):
    started = subprocess.run(
        [CLUSTER, "up"], env=os.environ | settings.environment(), capture_output=True, text=True
    )
    assert started.returncode == 0, started.stderr


def shown(settings, target, query):
    """Return the sorted rows of a query in `dbt show`."""
    command = [Path(sys.executable).with_name("dbt"), "--quiet", "show", "--inline", query, "--limit", "100"]
    options = ["--output", "json", "--target", target, "--profiles-dir", "."]
    paths = ["--target-path", settings.dbt_target_path / target, "--log-path", settings.dbt_target_path]
    outcome = subprocess.run(
        command + options + paths,
        cwd=PROJECT / "dbt_project",
        env=os.environ | settings.environment(),
        capture_output=True,
        text=True,
    )
    assert outcome.returncode == 0, outcome.stdout
    return sorted(tuple(row.values()) for row in json.loads(outcome.stdout)["show"])


@pytest.mark.slow
def test_both_implementations_of_every_macro_agree(spark, tmp_path):
    spark.ensure_hash_key()
    query = "\nunion all\n".join(
        f"select '{name}' as macro, coalesce(result, 'null') from (\n{case}\n) as cases (result)"
        for name, case in CASES.items()
    )
    rows = shown(spark, "duckdb", query)
    assert {name for name, _ in rows} == set(CASES)
    assert shown(spark, "spark", query) == rows


@pytest.mark.slow
def test_after_a_worker_is_killed_the_run_or_the_next_one_succeeds(spark, sample):
    shutil.copytree(sample.landing_path, spark.landing_path)
    shutil.copy(sample.hash_key_path, spark.home)
    command = [sys.executable, "-m", "orchestration", "run", "--verbose"]
    with subprocess.Popen(
        command, cwd=PROJECT, env=os.environ | spark.environment(), stdout=subprocess.PIPE, text=True
    ) as running:
        output = []
        for line in running.stdout:
            output.append(line)
            if "OK created" in line and "int_conversations " in line:
                kill_worker(spark.home / "spark" / "cluster")
    assert any("int_conversations " in line for line in output), "no worker was killed"
    start_cluster(spark)
    if running.returncode:
        assert "FAILED in warehouse" in "".join(output)
        assert current_release(spark) is None
        assert run(spark) == 0
    rows, expected = published_rows(spark, LOADING), published_rows(sample, LOADING)
    for table in expected:
        assert rows[table] == expected[table], table
    assert columns(spark) == columns(sample)


def kill_worker(folder):
    """Kill a worker and its executors."""
    worker = int((folder / "worker-1.pid").read_text())
    threads = Path(f"/proc/{worker}/task").iterdir()
    executors = [int(child) for one in threads for child in (one / "children").read_text().split()]
    assert executors, "the worker has no executor"
    for process in (worker, *executors):
        os.kill(process, signal.SIGKILL)


def columns(settings):
    """Return names, types and descriptions of all columns of the release."""
    with reader(settings) as connection:
        return connection.execute(
            "select table_name, column_name, data_type, comment from duckdb_columns()"
            " where database_name = 'reports' order by table_name, column_index"
        ).fetchall()


@pytest.mark.slow
def test_random_exports_give_the_same_marts_on_both_engines(spark, tmp_path):
    write_seeds(tmp_path / "seeds")
    with (tmp_path / "seeds" / "accounts.csv").open("a") as seed:
        seed.writelines(f"{account},{platform},UTC\n" for account, platform in OTHER_PLATFORMS.items())
    project = project_with(tmp_path / "seeds", tmp_path / "project")
    common = {"project": project, "hash_key": "the same key for all"}
    spark = Settings(home=spark.home, engine="spark", spark_port=spark.spark_port, **common)
    embedded = Settings(home=tmp_path / "embedded", **common)
    spark.ensure_hash_key()
    embedded.home.mkdir()
    deliver(spark, random_parts(random.Random(4)))
    dbt(spark, "build", "--target", "spark", *MODELS, "--full-refresh")
    dbt(spark, "parse")
    dbt(spark, "run", "--full-refresh", "--exclude", *load_tables(spark))
    for name in ("raw", "rejected", "hash_key"):
        copy = shutil.copytree if (spark.home / name).is_dir() else shutil.copy
        copy(spark.home / name, embedded.home / name)
    dbt(embedded, "build", *MODELS, "--full-refresh")
    found, expected = candidate_rows(spark), candidate_rows(embedded)
    assert len(expected["main.fct_conversations"]) > 50
    for table, rows in expected.items():
        assert found[table] == rows, table
