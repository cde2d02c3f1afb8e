"""What the page stands on: the release, how old its data is, what its checks said.

Belongs here: telling it. Does not: checking anything.
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import streamlit as st

from reports.language import UNKNOWN, Language
from reports.release import Questions


def show_release(language: Language, questions: Questions) -> None:
    """Show the release, the zone of all times, the data's age and the checks."""
    release, accounts = questions.release, questions.accounts()
    zones = {name: known["time_zone"] for name, known in accounts.items()}
    is_one_zone = len(set(zones.values())) == 1
    zone = next(iter(zones.values())) if is_one_zone else "UTC"
    through = max(
        (known["data_through"] for known in accounts.values() if known["data_through"]), default=None
    )
    line = language(
        "release.line",
        release=release.release_id,
        published=_local(language, release.published_at, zone),
        through=_local(language, through, zone) if through else UNKNOWN,
    )
    st.caption(f"{line} {language('note.times_in_zone', zone=zone)}" if is_one_zone else line)
    if not is_one_zone:
        listed = language.listed([f"{account}: {zone}" for account, zone in zones.items()])
        st.text(language("note.times_in_zones", zones=listed))
    limit = questions.settings.stale_after_hours
    counts = {outcome: len(names) for outcome, names in release.checks.items()}
    is_fresh = bool(through) and _age(through) <= limit * 3600
    state = language("release.fresh" if is_fresh else "release.stale")
    with st.container(horizontal=True):
        if through:
            st.badge(
                f"{state} · {language('release.age', age=language.duration(_age(through)))}",
                color="green" if is_fresh else "orange",
                icon=":material/check:" if is_fresh else ":material/schedule:",
            )
        st.badge(
            language("release.checks", **counts),
            color="orange" if counts["warned"] else "green",
            icon=":material/warning:" if counts["warned"] else ":material/check:",
        )
    with st.expander(language("release.heading")):
        for account, known in accounts.items():
            st.text(_account(language, account, known, limit))
        st.text(language("release.limit", hours=language.count(limit)))
        names = release.checks["warned"]
        st.text(
            language("release.warned", names=", ".join(names)) if names else language("release.all_passed")
        )


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
