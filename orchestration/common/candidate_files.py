"""The files of the candidate, for every stage that makes them outdated.

Belongs here: removing them. Does not: what is in them, nor how they are built (`warehouse`).
"""

from orchestration.common.files import remove
from orchestration.settings import Settings


def discard_candidate(settings: Settings) -> None:
    """Remove the candidate and the tables that it may show as views.

    The next build is then a full one. Call this before files of raw/ that the candidate was built from are
    rewritten in place.
    """
    for path in (settings.warehouse_path, settings.candidate_path):
        remove(path)
        for beside in (".wal", ".tmp"):  # of a process that was killed
            remove(path.with_name(f"{path.name}{beside}"))
    remove(settings.spark_tables_path)
