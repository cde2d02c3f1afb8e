"""The freshness of the release: one verdict per account, the worse of publication age and data age.

Belongs here: the verdict, its reasons, and the time of the next scheduled run. Does not: where they are shown
(see `overview` and `page`), nor how often they are evaluated (see `automation`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import dagster as dg
from croniter import croniter

from orchestration.publish.release import Release, current_release, was_published
from orchestration.settings import Settings
from reports.language import Language

FRESH, LATE, STALE = VERDICTS = ("fresh", "late", "stale")
SCHEDULE = "daily"  # the name of the schedule in Dagster
ENGLISH = Language("en")


@dataclass(frozen=True)
class AccountFreshness:
    """The freshness of one account. Times are in the time zone of the account.

    - `publication`, `data`: the verdicts on the age of the release and of the latest message
    - `late_after`, `stale_after`: the ages from which they are late and stale
    - `data_through`: the time of the latest message; None without messages, which counts as late
    """

    account_id: str
    time_zone: str
    checked_at: datetime
    published_at: datetime
    data_through: datetime | None
    late_after: timedelta
    stale_after: timedelta

    @property
    def verdict(self) -> str:
        """The worse of both verdicts: fresh, late or stale."""
        return worst((self.publication, self.data))

    @property
    def publication(self) -> str:
        """The verdict on the age of the release."""
        return self._verdict(self.publication_age)

    @property
    def data(self) -> str:
        """The verdict on the age of the latest message."""
        return LATE if self.data_age is None else self._verdict(self.data_age)

    @property
    def publication_age(self) -> timedelta:
        """The time since the release was published."""
        return self.checked_at - self.published_at

    @property
    def data_age(self) -> timedelta | None:
        """The time since the latest message, or None without messages."""
        return self.checked_at - self.data_through if self.data_through else None

    @property
    def changes_at(self) -> datetime | None:
        """The time at which a verdict next changes without a new release, or None."""
        starts = [self.published_at, *([self.data_through] if self.data_through else [])]
        limits = [start + after for start in starts for after in (self.late_after, self.stale_after)]
        return min((limit for limit in limits if limit > self.checked_at), default=None)

    def reasons(self, language: Language = ENGLISH) -> list[str]:
        """Return the reasons why the account is not fresh, as sentences that change only with a verdict."""
        reasons = []
        if self.publication != FRESH:
            reasons.append(self._older(language, "published", self.publication, self.published_at))
        if self.data_through is None:
            reasons.append(language("freshness.no_data", account=self.account_id))
        elif self.data != FRESH:
            reasons.append(self._older(language, "data", self.data, self.data_through))
        return reasons

    def _verdict(self, age: timedelta) -> str:
        if age >= self.stale_after:
            return STALE
        return LATE if age >= self.late_after else FRESH

    def _older(self, language: Language, key: str, verdict: str, instant: datetime) -> str:
        limit = self.stale_after if verdict == STALE else self.late_after
        return language(
            f"freshness.{key}",
            account=self.account_id,
            instant=language.moment(instant),
            zone=self.time_zone,
            hours=f"{limit / timedelta(hours=1):g}",
        )


@dataclass(frozen=True)
class Freshness:
    """The freshness of the current release, None if none can be read, and of its accounts."""

    release: Release | None
    accounts: tuple[AccountFreshness, ...]
    is_damaged: bool = False

    @property
    def verdict(self) -> str:
        """The worst verdict of all accounts; stale without a release."""
        return worst(account.verdict for account in self.accounts) if self.release else STALE

    @property
    def changes_at(self) -> datetime | None:
        """The time at which the verdict on an account next changes without a new release, or None."""
        return min((account.changes_at for account in self.accounts if account.changes_at), default=None)

    def reasons(self, language: Language = ENGLISH) -> list[str]:
        """Return the distinct reasons why the release is not fresh."""
        if self.release is None:
            return [language("freshness.damaged" if self.is_damaged else "freshness.no_release")]
        return list(
            dict.fromkeys(reason for account in self.accounts for reason in account.reasons(language))
        )


def check_freshness(settings: Settings, now: datetime | None = None) -> Freshness:
    """Return the freshness of the current release at the time `now`, by default the current time."""
    release = current_release(settings)
    if release is None:
        return Freshness(None, (), is_damaged=was_published(settings))
    return freshness_of(settings, release, now)


def freshness_of(settings: Settings, release: Release, now: datetime | None = None) -> Freshness:
    """Return the freshness of a release at the time `now`, by default the current time."""
    now = now or datetime.now(UTC)
    return Freshness(
        release,
        tuple(
            AccountFreshness(
                account_id=account_id,
                time_zone=known["time_zone"],
                checked_at=_local(now, known["time_zone"]),
                published_at=_local(release.published_at, known["time_zone"]),
                data_through=known["data_through"] and _local(known["data_through"], known["time_zone"]),
                late_after=timedelta(hours=settings.stale_after_hours),
                stale_after=timedelta(hours=settings.stale_error_after_hours),
            )
            for account_id, known in release.accounts.items()
        ),
    )


def worst(verdicts: Iterable[str]) -> str:
    """Return the worst of these verdicts, `fresh` without any."""
    return max(verdicts, key=VERDICTS.index, default=FRESH)


def next_run(
    settings: Settings, instance: dg.DagsterInstance, now: datetime | None = None
) -> datetime | None:
    """Return the time of the next run of the daily schedule in its time zone, or None if it is off."""
    states = instance.all_instigator_state() if instance.schedule_storage else []
    if not any(
        state.name == SCHEDULE and state.instigator_type.value == "SCHEDULE" and state.is_running
        for state in states
    ):
        return None
    local = (now or datetime.now(UTC)).astimezone(ZoneInfo(settings.time_zone))
    return croniter(settings.schedule, local).get_next(datetime)


def next_run_text(settings: Settings, run: datetime | None, language: Language = ENGLISH) -> str:
    """Return the time and zone of the next scheduled run as a text, `off` without one."""
    return f"{language.moment(run)} ({settings.time_zone})" if run else language("freshness.off")


def _local(instant: datetime | str, zone: str) -> datetime:
    known = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    return (known if known.tzinfo else known.replace(tzinfo=UTC)).astimezone(ZoneInfo(zone))
