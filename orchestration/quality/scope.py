"""What the checks compare with: the published release, and which rows of the candidate it has not checked.

Belongs here: reading the release and the record of builds for the gate. Does not: the checks.
"""

import json
from dataclasses import dataclass, field

from orchestration.settings import Settings
from orchestration.warehouse.candidate import builds, builds_since


@dataclass(frozen=True)
class Scope:
    """The rows that an earlier release has not checked.

    - `build_ids`: the builds since the published release; None if the candidate does not continue it, so
      that every row is to be checked
    - `checked_batches`: ids of the batches whose records the published release holds; none if every row is
      to be checked
    - `last_rows`: the rows of each table of the published release
    """

    build_ids: list[str] | None = None
    checked_batches: list[str] = field(default_factory=list)
    last_rows: dict[str, int] = field(default_factory=dict)


def read_scope(settings: Settings) -> Scope:
    """Return what the checks of the candidate look at and compare with.

    A release whose note cannot be read counts as none: then every row is checked.
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
