"""What is told to people who are not looking: that a run failed, or that what is published grew old.

Belongs here: the messages, and sending them to the addresses of the settings. Does not: when that
is done (`automation`), nor what a person at the terminal sees of it (`terminal`).
"""

import logging
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import dagster as dg

from orchestration.common.disk import full_disk
from orchestration.publish.release import Release, current_release
from orchestration.settings import Settings

MOST = 10  # failures that a message lists

log = logging.getLogger(__name__)


def send(settings: Settings, title: str, body: str) -> None:
    """Send a message to every address of the settings.

    One that cannot be reached is a warning in the log, without the address: it may hold a password.
    """
    addresses = settings.alert_urls.get_secret_value().split() if settings.alert_urls else []
    if not addresses:
        return
    from apprise import Apprise, NotifyFormat, NotifyType  # seldom needed, and it takes long to import

    logging.getLogger("apprise").disabled = True  # it quotes addresses
    for number, address in enumerate(addresses, start=1):
        service = Apprise()
        # As text it is escaped where a service writes HTML: it may quote an id or the name of a file.
        if not (
            service.add(address)
            and service.notify(body, title, NotifyType.FAILURE, body_format=NotifyFormat.TEXT)
        ):
            log.warning("Address %d of CONVERSATIONS_ALERT_URLS could not be told; check it", number)


def failure(settings: Settings, events: Iterable[dg.DagsterEvent]) -> tuple[str, str]:
    """Return title and body of the message that a run failed: what failed, and which release is in place."""
    checks, steps = [], []
    for event in events:
        if event.event_type_value == "ASSET_CHECK_EVALUATION":
            check = event.asset_check_evaluation_data
            if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR:
                checks.append(check.description or f"{check.asset_key.to_user_string()}: {check.check_name}")
        elif event.event_type_value == "STEP_FAILURE":
            error = event.step_failure_data.error
            message = (error.cause or error).message.strip()
            steps.append(f"{event.step_key}: {full_disk(settings, message) or message}")
    failed = checks or steps or ["The run ended before any step could say why; see its log in Dagster."]
    listed = [f"- {line}" for line in failed[:MOST]]
    if len(failed) > MOST:
        listed.append(f"- and {len(failed) - MOST} more")
    body = "\n".join([*listed, "", _in_place(current_release(settings))])
    return "Conversation reports: a run failed", body


def staleness(settings: Settings, now: datetime | None = None) -> tuple[str, str] | None:
    """Return title and body of the message that what is published is old, or None where it is not."""
    release, now = current_release(settings), now or datetime.now(UTC)
    if release is None:
        return None
    limits = (
        (
            "It was published",
            release.published_at,
            settings.stale_error_after_hours,
            "see why no run published",
        ),
        (
            "Its data end",
            release.data_through,
            settings.stale_after_hours,
            "see whether exports still arrive",
        ),
    )
    old = [
        f"- {what} at {instant}, more than {hours:g} hours ago: {remedy}."
        for what, instant, hours, remedy in limits
        if instant and now - datetime.fromisoformat(instant) > timedelta(hours=hours)
    ]
    if not old:
        return None
    return "Conversation reports: what is published is old", "\n".join([*old, "", _in_place(release)])


def _in_place(release: Release | None) -> str:
    if release is None:
        return "Nothing is published yet."
    return f"Release {release.release_id} stays in place, with data through {release.data_through}."
