"""The inputs of a candidate and a release, as fingerprints.

Belongs here: the files, settings and versions that change a result. Does not: the reaction to a change.
"""

import ast
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import duckdb

from orchestration.common.sql import parquet
from orchestration.ingest.raw_store.ledger import ledger_folder
from orchestration.ingest.raw_store.retention import horizon
from orchestration.settings import PROJECT, Settings

DBT_FOLDERS = ("dbt_project", "models", "seeds")
DBT_FILES = {".sql", ".yml", ".csv", ".md"}
ENGINES = ("duckdb", "dbt-core", "dbt-duckdb")
RELEASE_CODE = ("orchestration/quality", "orchestration/publish", "reports/language.py", "reports/texts")


@dataclass(frozen=True)
class Inputs:
    """The inputs of a build.

    - `fingerprint`: identifies `rules`, `batches` and the code that checks and publishes
    - `rules`: identifies models, seeds, settings and versions
    - `batches`: the ingested batches
    """

    fingerprint: str
    rules: str
    batches: list[str]

    def only_add_to(self, rules: str | None, batches: list[str] | None) -> bool:
        """Return whether these inputs have the same rules and all of these batches first."""
        return self.rules == rules and batches is not None and self.batches[: len(batches)] == batches


def current_inputs(settings: Settings) -> Inputs:
    """Return the inputs of a build that starts now."""
    rules, batches = _rules(settings), _batches(settings)
    names = [batch.split()[0] for batch in batches]
    return Inputs(sha256(f"{names} {rules} {_release_code()}".encode()).hexdigest(), rules, batches)


def fingerprint(settings: Settings) -> str:
    """Return the fingerprint of the current inputs of a release."""
    return current_inputs(settings).fingerprint


def dbt_files(settings: Settings) -> list[Path]:
    """Return the files of the dbt project, sorted."""
    folders = (settings.project / folder for folder in DBT_FOLDERS)
    return sorted(
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in DBT_FILES and not {"target", "logs"} & set(path.parts)
    )


def _rules(settings: Settings) -> str:
    versions = [version(name) for name in ENGINES]
    digest = sha256(f"{horizon(settings)} {settings.engine} {versions}".encode())
    for path in dbt_files(settings):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    digest.update(settings.ensure_hash_key().read_bytes())
    return digest.hexdigest()


def _release_code() -> str:
    """Return the digest of the code and texts that check and publish, without comments and docstrings."""
    digest = sha256()
    for place in RELEASE_CODE:
        for path in sorted((PROJECT / place, *(PROJECT / place).rglob("*"))):
            if path.suffix == ".py":
                digest.update(_without_docstrings(path.read_text()).encode())
            elif path.is_file() and path.suffix != ".pyc":
                digest.update(path.read_bytes())
    return digest.hexdigest()


def _without_docstrings(source: str) -> str:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        documented = isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        if documented and ast.get_docstring(node, clean=False):
            node.body = node.body[1:]
    return ast.dump(tree)


def _batches(settings: Settings) -> list[str]:
    """Return the batches of the ledger in order, each with its number of rows.

    The number changes if rows of a batch are removed, but not if files are compacted.
    """
    if not ledger_folder(settings).exists():
        return []
    with duckdb.connect() as connection:
        batches = connection.execute(
            f"select batch_id, count(*) from {parquet(ledger_folder(settings) / '*.parquet')}"
            " group by batch_id order by batch_id"
        ).fetchall()
    return [f"{batch} {rows}" for batch, rows in batches]
