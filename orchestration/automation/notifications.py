"""Alerts: a run failed, or the release is old or damaged.

Belongs here: the texts of alerts, and sending them to the URLs of the settings. Does not: when they are sent
(`sensors`, `commands`), nor the output on a terminal (`summary`).
"""

from collections.abc import Iterable
from datetime import datetime

import dagster as dg

from orchestration.common.disk import full_disk
from orchestration.common.messages import send_message
from orchestration.common.words import without_class
from orchestration.publish.freshness import Freshness, check_freshness
from orchestration.publish.reader import FILE
from orchestration.publish.release import current_release, is_intact, was_published
from orchestration.settings import Settings, alert_urls

NOT_RUN = "Conversation reports: nothing can be run"
RUN_FAILED = "Conversation reports: a run failed"
FETCH_FAILED = "Conversation reports: fetching failed"
MAX_LISTED = 10  # failures in a message


def send(settings: Settings, title: str, body: str) -> None:
    """Send an alert to every address of the settings."""
    send_message("CONVERSATIONS_ALERT_URLS", settings.alert_urls, title, body)


def send_despite_settings(title: str, body: str) -> None:
    """Send an alert while another setting is invalid."""
    send(Settings.model_construct(alert_urls=alert_urls()), title, body)


def failure(settings: Settings, events: Iterable[dg.DagsterEvent]) -> tuple[str, str]:
    """Return title and body of the alert for a failed run: the failures and the current release."""
    checks, steps = [], []
    for event in events:
        if event.event_type_value == "ASSET_CHECK_EVALUATION":
            check = event.asset_check_evaluation_data
            if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR:
                checks.append(check.description or f"{check.asset_key.to_user_string()}: {check.check_name}")
        elif event.event_type_value == "STEP_FAILURE":
            error = event.step_failure_data.error
            message = without_class((error.cause or error).message)
            steps.append(f"{event.step_key}: {full_disk(settings, message) or message}")
    failed = checks or steps or ["The run ended before a step could report an error; see its log in Dagster."]
    listed = [f"- {line}" for line in failed[:MAX_LISTED]]
    if len(failed) > MAX_LISTED:
        listed.append(f"- and {len(failed) - MAX_LISTED} more")
    body = "\n".join([*listed, "", _in_place(settings)])
    return RUN_FAILED, body


def release_problems(settings: Settings, now: datetime | None = None) -> list[str]:
    """Return a line for each problem of the release: damaged files, an old release, or old data."""
    freshness = check_freshness(settings, now)
    release, published = freshness.release, settings.published_path
    remedy = "run again to publish it again, or run `make rollback`."
    if release is None:
        return [f"- {published / FILE} cannot be read: {remedy}"] if freshness.is_damaged else []
    problems = []
    if not is_intact(settings, release):
        problems.append(
            f"Files of release {release.release_id} in {published} are missing or damaged: {remedy}"
        )
    # An account can be configured long before its first export arrives.
    started = Freshness(release, tuple(account for account in freshness.accounts if account.data_through))
    return [f"- {problem}" for problem in [*problems, *started.reasons()]]


def release_alert(settings: Settings, problems: Iterable[str]) -> tuple[str, str]:
    """Return title and body of the alert for these problems of the release."""
    body = "\n".join([*problems, "", _in_place(settings)])
    return "Conversation reports: the release is old or damaged", body


def _in_place(settings: Settings) -> str:
    release = current_release(settings)
    if release is None:
        return "No release can be read." if was_published(settings) else "Nothing is published yet."
    return f"Release {release.release_id} stays in place, with data through {release.data_through}."
