"""The status page `published/status.html`: freshness, checks and rejected records of the release.

Belongs here: the content of the page. Does not: the verdicts (see `freshness`), nor the layout (see the
template).

The page shows the state at the time of writing. A script on it displays a note after a verdict has changed
with time.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from orchestration.common.files import readable_by_others
from orchestration.publish.freshness import Freshness, next_run_text
from orchestration.publish.page.report import index_name, others, page_link, replace, template
from orchestration.publish.reader import reader
from orchestration.settings import Settings
from reports.language import LANGUAGES, Language

STATUS = "status"
MAX_REASONS = 20  # in the list of rejected records
REJECTED = f"""
    select account_id, entity, reason, any_value(remedy), sum(records_rejected)::bigint as records, max(file)
    from rejected_records
    group by account_id, entity, reason
    order by records desc, account_id, entity, reason
    limit {MAX_REASONS}
"""


def write_status(
    settings: Settings, freshness: Freshness, next_run: datetime | None, failed: Sequence[str]
) -> Path:
    """Write the page in each language. Return the path of the English page.

    `failed` has the tables with a failed check, whose latest rows are not published.
    """
    release, zone = freshness.release, ZoneInfo(settings.time_zone)
    rejected, records = [], 0
    if release:
        with reader(settings) as connection:
            rejected = connection.execute(REJECTED).fetchall()
            total = "select coalesce(sum(records_rejected), 0)::bigint from rejected_records"
            (records,) = connection.execute(total).fetchone()
    with readable_by_others():
        settings.published_path.mkdir(parents=True, exist_ok=True)
        for code in LANGUAGES:
            language = Language(code)
            page = template("status.html.j2").render(
                language=language,
                freshness=freshness,
                release=release,
                checked_at=datetime.now(UTC).astimezone(zone),
                published=release and datetime.fromisoformat(release.published_at).astimezone(zone),
                changes_at=freshness.changes_at,
                zone=settings.time_zone,
                next_run=next_run_text(settings, next_run, language),
                failed=failed,
                rows=release and sum(release.rows.values()),
                rejected=rejected,
                rejected_records=records,
                index=index_name(code),
                pages=page_link(settings, lang=code),
                others=others(code, STATUS),
                late=f"{settings.stale_after_hours:g}",
                stale=f"{settings.stale_error_after_hours:g}",
            )
            replace(settings.published_path / index_name(code, STATUS), page)
    return settings.published_path / index_name("en", STATUS)
