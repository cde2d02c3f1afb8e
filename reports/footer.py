"""What a page is based on: the release, how old its data is, what its checks said.

Belongs here: showing it. Does not: checking anything.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import streamlit as st

from reports.language import UNKNOWN, Language
from reports.release import Questions


def show_stale(language: Language, questions: Questions) -> None:
    """Show the age of the data at the top of a page if it is too old."""
    through = _through(questions)
    if through and _age(through) > questions.settings.stale_after_hours * 3600:
        age = language.duration(_age(through))
        st.badge(language("release.is_stale", age=age), color="orange", icon=":material/schedule:")


def show_footer(language: Language, questions: Questions) -> None:
    """Show the release, the zone of all times, the data's age and the checks."""
    release, accounts = questions.release, questions.accounts()
    zones = {name: known["time_zone"] for name, known in accounts.items()}
    is_one_zone = len(set(zones.values())) == 1
    zone = next(iter(zones.values())) if is_one_zone else "UTC"
    through = _through(questions)
    limit = questions.settings.stale_after_hours
    counts = {outcome: len(names) for outcome, names in release.checks.items()}
    line = language(
        "release.line",
        release=release.release_id,
        published=_local(language, release.published_at, zone),
        through=_local(language, through, zone) if through else UNKNOWN,
    )
    parts = [line]
    if through:
        state = language("release.fresh" if _age(through) <= limit * 3600 else "release.stale")
        parts.append(f"{language('release.age', age=language.duration(_age(through)))}, {state}.")
    parts.append(language("release.checks", **counts))
    if is_one_zone:
        parts.append(language("note.times_in_zone", zone=zone))
    with st.container(key="footer"):
        st.caption(" ".join(parts))
        if not is_one_zone:
            listed = language.listed([f"{account}: {zone}" for account, zone in zones.items()])
            st.text(language("note.times_in_zones", zones=listed))
        with st.expander(language("release.heading")):
            for account, known in accounts.items():
                st.text(_account(language, account, known, limit))
            st.text(language("release.limit", hours=language.count(limit)))
            names = release.checks["warned"]
            st.text(
                language("release.warned", names=", ".join(names))
                if names
                else language("release.all_passed")
            )


def _through(questions: Questions) -> str | None:
    known = [account["data_through"] for account in questions.accounts().values() if account["data_through"]]
    return max(known, default=None)


def _account(language: Language, account: str, known: dict[str, str | None], limit: float) -> str:
    if not known["data_through"]:
        return language("release.account_empty", account=account)
    age = _age(known["data_through"])
    return language(
        "release.account",
        account=account,
        through=_local(language, known["data_through"], known["time_zone"]),
        zone=known["time_zone"],
        age=language.duration(age),
        state=language("release.fresh" if age <= limit * 3600 else "release.stale"),
    )


def _local(language: Language, instant: str, zone: str) -> str:
    return f"{language.time(datetime.fromisoformat(instant).astimezone(ZoneInfo(zone)))} {zone}"


def _age(instant: str) -> float:
    return (datetime.now(UTC) - datetime.fromisoformat(instant)).total_seconds()
