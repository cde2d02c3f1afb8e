"""The scope of the checks: the published release, and the rows of the candidate that it has not checked.

Belongs here: reading the release and the record of builds. Does not: the checks.
"""

import json
from dataclasses import dataclass, field

from orchestration.settings import Settings
from orchestration.warehouse.candidate import builds, builds_since


@dataclass(frozen=True)
class Scope:
    """The rows that no release has checked, and figures of the published release.

    - `build_ids`: builds since the published release; None if the candidate is not based on it, so that all
      rows are checked
    - `checked_batches`: ids of the batches in the published release; empty if all rows are checked
    - `last_rows`: row count of each table of the published release
    """

    build_ids: list[str] | None = None
    checked_batches: list[str] = field(default_factory=list)
    last_rows: dict[str, int] = field(default_factory=dict)


def read_scope(settings: Settings) -> Scope:
    """Return the scope of the checks of the candidate.

    If the manifest of the release cannot be read, all rows are checked.
    """
    try:
        release = json.loads((settings.published_path / "release.json").read_text())
        released, last_rows = release.get("build_id"), release["rows"]
    except (OSError, ValueError, KeyError):
        return Scope()
    build_ids = builds_since(settings, released)
    if build_ids is None:
        return Scope(last_rows=last_rows)
    [build] = [build for build in builds(settings) if build.build_id == released]
    return Scope(build_ids, [batch.split()[0] for batch in build.batches or ()], last_rows)
