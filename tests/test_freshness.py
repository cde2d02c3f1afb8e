"""The freshness of each account of a release: verdict, limits and reasons, and the next scheduled run."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
import synthetic_candidate
from dagster._core.remote_origin import (
    InProcessCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    ScheduleInstigatorData,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from orchestration.automation.schedules import daily_schedule
from orchestration.publish.freshness import (
    AccountFreshness,
    Freshness,
    check_freshness,
    next_run,
    next_run_text,
)
from orchestration.publish.release import current_release
from orchestration.publish.store import publish
from orchestration.settings import Settings
from reports.language import Language

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def account(published: float, data: float | None) -> AccountFreshness:
    """Return an account whose release and data have these ages in hours."""
    ends = None if data is None else NOW - timedelta(hours=data)
    limits = timedelta(hours=36), timedelta(hours=72)
    return AccountFreshness("demo", "Europe/Rome", NOW, NOW - timedelta(hours=published), ends, *limits)


@pytest.mark.parametrize(
    ("published", "data", "verdict", "reasons"),
    [
        (35.9, 35.9, "fresh", 0),
        (1, 36, "late", 1),
        (36, 40, "late", 2),
        (1, 72, "stale", 1),
        (72, 35, "stale", 1),
        (1, None, "late", 1),
        (80, None, "stale", 2),
    ],
)
def test_the_verdict_is_the_worse_of_publication_age_and_data_age(published, data, verdict, reasons):
    checked = account(published, data)
    assert checked.verdict == verdict
    for code in ("en", "it"):
        assert len(checked.reasons(Language(code))) == reasons


def test_reasons_name_account_time_and_limit_and_are_unique():
    late, other = account(40, 50), replace(account(40, 1), account_id="other")
    freshness = Freshness(object(), (late, other))
    published, data = freshness.reasons()
    assert published.startswith("The release was published on ")
    assert "more than 36 hours ago" in published
    assert "account demo ends on 2 May 2026, 10:00 (Europe/Rome), more than 36 hours ago" in data
    assert freshness.verdict == "late"


def test_each_account_of_a_release_has_a_verdict_in_its_time_zone(tmp_path):
    settings = Settings(home=tmp_path, memory_limit="500MB", threads=1)
    unpublished = check_freshness(settings)
    assert (unpublished.verdict, unpublished.reasons()) == ("stale", ["Nothing is published yet."])

    synthetic_candidate.write(settings.candidate_path)
    publish(settings, {})
    release = current_release(settings)
    ends = datetime.fromisoformat(release.accounts["demo"]["data_through"])
    freshness = check_freshness(settings, ends + timedelta(hours=50))
    assert [checked.account_id for checked in freshness.accounts] == ["demo", "second"]
    demo = freshness.accounts[0]
    assert (demo.publication, demo.data, demo.data_age) == ("fresh", "late", timedelta(hours=50))
    assert str(demo.data_through.tzinfo) == release.accounts["demo"]["time_zone"]

    file = settings.published_path / "reports.duckdb"
    file.chmod(0o644)
    file.write_bytes(b"damaged")
    assert "cannot be read" in check_freshness(settings).reasons()[0]


def test_the_next_run_is_off_until_the_schedule_is_turned_on(tmp_path):
    settings = Settings(home=tmp_path)
    place = InProcessCodeLocationOrigin(LoadableTargetOrigin(python_file="orchestration/definitions.py"))
    origin = RemoteInstigatorOrigin(
        RemoteRepositoryOrigin(place, "__repository__"), daily_schedule(settings).name
    )
    state = InstigatorState(
        origin,
        InstigatorType.SCHEDULE,
        InstigatorStatus.RUNNING,
        ScheduleInstigatorData(settings.schedule, NOW.timestamp()),
    )
    with dg.instance_for_test() as instance:
        assert next_run_text(settings, next_run(settings, instance, NOW)) == "off"
        instance.add_instigator_state(state)
        run = next_run(settings, instance, NOW)
        assert run == datetime(2026, 5, 5, 3, tzinfo=UTC), "05:00 in Rome"
        assert next_run_text(settings, run) == "5 May 2026, 05:00 (Europe/Rome)"
        instance.update_instigator_state(state.with_status(InstigatorStatus.STOPPED))
        assert next_run(settings, instance, NOW) is None
