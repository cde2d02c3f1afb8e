"""The release, its freshness and its checks, at the top and bottom of a page.

Belongs here: showing them. Does not: the verdict on freshness (see `orchestration.publish.freshness`).
"""

from datetime import datetime
from zoneinfo import ZoneInfo

import streamlit as st

from orchestration.publish.freshness import FRESH, STALE, AccountFreshness, Freshness, freshness_of
from reports.language import UNKNOWN, Language
from reports.release import Queries


def show_stale(language: Language, queries: Queries) -> None:
    """Show a badge with the age of the data if an account is late or stale."""
    freshness = _freshness(queries)
    if freshness.verdict != FRESH:
        st.badge(
            " · ".join([_verdict(language, freshness), *_age(language, freshness)]),
            color="red" if freshness.verdict == STALE else "orange",
            icon=":material/schedule:",
        )


def show_footer(language: Language, queries: Queries) -> None:
    """Show the release, the time zone, the verdict on each account and the checks."""
    release, accounts, freshness = queries.release, queries.accounts(), _freshness(queries)
    zones = {name: known["time_zone"] for name, known in accounts.items()}
    is_one_zone = len(set(zones.values())) == 1
    zone = next(iter(zones.values())) if is_one_zone else "UTC"
    through = max(
        (account.data_through for account in freshness.accounts if account.data_through), default=None
    )
    counts = {outcome: len(names) for outcome, names in release.checks.items()}
    line = language(
        "release.line",
        release=release.release_id,
        published=_local(language, datetime.fromisoformat(release.published_at), zone),
        through=_local(language, through, zone) if through else UNKNOWN,
    )
    age = [f"{part}." for part in _age(language, freshness)]
    parts = [
        line,
        *age,
        f"{_verdict(language, freshness).capitalize()}.",
        language("release.checks", **counts),
    ]
    if is_one_zone:
        parts.append(language("note.times_in_zone", zone=zone))
    with st.container(key="footer"):
        st.caption(" ".join(parts))
        if not is_one_zone:
            listed = language.listed([f"{account}: {zone}" for account, zone in zones.items()])
            st.text(language("note.times_in_zones", zones=listed))
        with st.expander(language("release.heading")):
            for account in freshness.accounts:
                st.text(_account(language, account))
            settings = queries.settings
            limits = settings.stale_after_hours, settings.stale_error_after_hours
            st.text(language("static.limits", late=f"{limits[0]:g}", stale=f"{limits[1]:g}"))
            names = release.checks["warned"]
            st.text(
                language("release.warned", names=", ".join(names))
                if names
                else language("release.all_passed")
            )


def _freshness(queries: Queries) -> Freshness:
    """Return the freshness of the accounts that the user can see."""
    known = freshness_of(queries.settings, queries.release)
    allowed = queries.accounts()
    return Freshness(
        known.release, tuple(account for account in known.accounts if account.account_id in allowed)
    )


def _verdict(language: Language, freshness: Freshness) -> str:
    return language(f"freshness.{freshness.verdict}")


def _age(language: Language, freshness: Freshness) -> list[str]:
    """Return the text with the highest age of data of an account, in a list, which is empty without data."""
    ages = [account.data_age for account in freshness.accounts if account.data_age is not None]
    return [language("release.is_stale", age=language.duration(max(ages).total_seconds()))] if ages else []


def _account(language: Language, account: AccountFreshness) -> str:
    if account.data_through is None:
        return language("release.account_empty", account=account.account_id)
    return language(
        "release.account",
        account=account.account_id,
        through=_local(language, account.data_through, account.time_zone),
        age=language.duration(account.data_age.total_seconds()),
        state=language(f"freshness.{account.verdict}"),
    )


def _local(language: Language, instant: datetime, zone: str) -> str:
    return f"{language.time(instant.astimezone(ZoneInfo(zone)))} {zone}"
