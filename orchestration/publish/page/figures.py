"""The figures of the static report of one account and period, from the report macros.

Belongs here: which figures the report shows, and whether a change is good or bad. Does not: formatting in a
language (see `report`), nor the definition of a figure (the report macros).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestration.publish.page import charts
from orchestration.publish.page.periods import Period, compared_periods

if TYPE_CHECKING:
    from datetime import date

    import duckdb

FEW = 5  # averages of fewer values are marked, here and on the report pages
# The smallest change that is shown as good or bad, by kind of figure.
MATERIAL = {"seconds": 0.05, "share": 0.02, "rating": 0.1}
NARROW, WIDE = 340, 1000


@dataclass(frozen=True)
class Headline:
    """A figure of `report_overview`.

    - `kind`: count, seconds, share or rating
    - `n`: column of its number of values
    - `better`: whether a higher value is better; None for counts, and for figures that are neither
    """

    measure: str
    kind: str = "count"
    n: str | None = None
    better: bool | None = None


HEADLINES = (
    Headline("conversations"),
    Headline("distinct_contacts"),
    Headline("messages"),
    Headline("first_response_median", "seconds", "first_response_n", False),
    Headline("first_response_on_target_rate", "share", "first_response_on_target_n", True),
    Headline("reply_median", "seconds", "reply_n", False),
    Headline("reply_on_target_rate", "share", "reply_on_target_n", True),
    Headline("duration_median", "seconds", "duration_n", False),
    Headline("duration_on_target_rate", "share", "duration_on_target_n", True),
    Headline("csat_score", "share", "csat_n", True),
    Headline("csat_avg", "rating", "csat_n", True),
    Headline("response_rate", "share", "surveys_sent"),
)


@dataclass(frozen=True)
class Figures:
    """The figures of the report of an account and period, independent of the language.

    - `begins`: first day with data
    - `compared`: the compared days; their figures are in `now` and `before`
    - `week`: 24 pairs per weekday (1 = Monday): messages of customers per day, and the colour intensity
    - `by_day`: SVG charts of conversations by day, by width
    """

    account: str
    period: Period
    begins: date
    compared: tuple[Period, Period] | None
    overview: dict[str, Any]
    now: dict[str, Any] | None
    before: dict[str, Any] | None
    agents: list[dict[str, Any]]
    tags: list[dict[str, Any]]
    week: dict[int, list[tuple[float, float]]]
    by_day: dict[str, str]

    @property
    def is_empty(self) -> bool:
        """Whether the period has no activity."""
        return not any(self.overview[column] for column in ("conversations", "messages", "surveys_sent"))


def measure(connection: duckdb.DuckDBPyConnection, account: str, period: Period) -> Figures | None:
    """Return the figures, or None if the account has no data. `connection` is one of `reader`."""

    def report(name: str, days: Period, rest: str = "") -> duckdb.DuckDBPyConnection:
        query = f"from {name}($first, $last, accounts := [$account]) {rest}"
        return connection.execute(query, {"first": days.first, "last": days.last, "account": account})

    (begins,) = connection.execute(
        "select min(first_day) from report_coverage(accounts := [$account])", {"account": account}
    ).fetchone()
    if begins is None:
        return None
    compared = compared_periods(period, begins)
    (overview,) = _rows(report("report_overview", period))
    now = before = None
    if compared:
        now = overview if compared[0] == period else _rows(report("report_overview", compared[0]))[0]
        before = _rows(report("report_overview", compared[1]))[0]
    by_day = report(
        "report_overview_by_day",
        period,
        "select report_date as day, origin as kind, conversations as number order by all",
    ).df()
    most = "conversations desc, messages desc"
    return Figures(
        account=account,
        period=period,
        begins=begins,
        compared=compared,
        overview=overview,
        now=now,
        before=before,
        agents=_rows(
            report("report_by_agent", period, f"order by agent_id is null, {most}, agent_name, agent_id")
        ),
        tags=_rows(report("report_by_tag", period, f"order by tag = 'Untagged', {most}, tag")),
        week=_week(report("report_heatmap", period, "select iso_weekday, hour, inbound_messages_per_day")),
        by_day={
            name: charts.bars_by_day(by_day, width, charts.ORIGINS, is_legend_shown=False)
            for name, width in {"narrow": NARROW, "wide": WIDE}.items()
        },
    )


def difference(headline: Headline, now: dict[str, Any], before: dict[str, Any]) -> float | None:
    """Return the change of a figure, or None if one of its values is unknown."""
    value, previous = now[headline.measure], before[headline.measure]
    if value is None or previous is None:
        return None
    return change_of(headline.kind, value, previous)


def change_of(kind: str, value: float, previous: float) -> float | None:
    """Return the difference of shares and ratings, and the relative change of other figures."""
    if kind in ("share", "rating"):
        return value - previous
    return value / previous - 1 if previous else None


def cue(headline: Headline, amount: float | None, now: dict[str, Any], before: dict[str, Any]) -> str:
    """Return `better` or `worse`, or an empty text if the change is small or based on few values."""
    if amount is None or headline.better is None or abs(amount) < MATERIAL[headline.kind]:
        return ""
    if any((side[headline.n] or 0) < FEW for side in (now, before)):
        return ""
    return "better" if (amount > 0) == headline.better else "worse"


def _week(result: duckdb.DuckDBPyConnection) -> dict[int, list[tuple[float, float]]]:
    rows = sorted(result.fetchall())
    most = max((value or 0 for *_, value in rows), default=0) or 1
    week: dict[int, list[tuple[float, float]]] = {}
    for iso_weekday, _, value in rows:
        week.setdefault(iso_weekday, []).append((value or 0, round((value or 0) / most, 3)))
    return week


def _rows(result: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    names = [column[0] for column in result.description]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
