"""Removal of the candidate's files, shared by the stages that invalidate them.

Belongs here: removing the files. Does not: their content, nor how they are built (`warehouse`).
"""

from orchestration.common.files import remove
from orchestration.settings import Settings


def discard_candidate(settings: Settings) -> None:
    """Remove the candidate, the warehouse and the tables built by Spark. The next build is a full one.

    Call this before you rewrite files of raw/ in place: the candidate was built from them.
    """
    for path in (settings.warehouse_path, settings.candidate_path):
        remove(path)
        for suffix in (".wal", ".tmp"):  # left by a killed process
            remove(path.with_name(f"{path.name}{suffix}"))
    remove(settings.spark_tables_path)
