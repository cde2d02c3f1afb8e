"""Previews of published tables in Dagster's UI: figures of the last four weeks and a chart.

Belongs here: the figures of each preview. Does not: their definition (the report macros), nor the drawing of
charts (`page.charts`).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from orchestration.common.markdown import markdown_table
from orchestration.common.sql import quoted
from orchestration.publish.page import charts

if TYPE_CHECKING:
    import duckdb
    import pandas

WIDTH = 640
DAYS = 28
PERIOD = f"$last::date - {DAYS - 1}, $last::date"
# Three previews use these figures, which take longer to plan than to compute.
WEEKS = " union all ".join(
    f"select {week} as week, strftime($last::date - {7 * week + 6}, '%-d %b') || ' to '"
    f" || strftime($last::date - {7 * week}, '%-d %b') as days, *"
    f" from report_overview($last::date - {7 * week + 6}, $last::date - {7 * week})"
    for week in range(DAYS // 7)
)
# With several accounts, prefix each name with its account: agents and tags can have equal names.
OF = "case when (select count(*) from dim_accounts) > 1 then account_id || ': ' else '' end ||"
BY_KEY = """
    conversations, messages, round(first_response_median / 60) as "response, minutes",
    round(reply_median / 60) as "reply, minutes", reopens, round(csat_avg, 2) as rating, csat_n as ratings
"""


@dataclass(frozen=True)
class Preview:
    """A preview: the query of its table and that of its chart, both with `$last`, the last local day."""

    about: str
    rows: str
    drawn: str
    draw: Callable[[pandas.DataFrame, int], str]


PREVIEWS = {
    "agg_overview": Preview(
        "Conversations per day, by origin",
        """
        select days, conversations, messages, distinct_contacts as contacts,
            round(first_response_median / 60) as "response, minutes",
            round(duration_median / 3600, 1) as "duration, hours",
            round(csat_avg, 2) as rating, csat_n as ratings
        from preview_weeks order by week
        """,
        f"select report_date as day, origin as kind, sum(conversations) as number"
        f" from report_overview_by_day({PERIOD}) group by all order by all",
        partial(charts.bars_by_day, kinds=charts.ORIGINS),
    ),
    "agg_by_agent": Preview(
        "Conversations by agent",
        f"""
        select {OF} agent_name as agent, {BY_KEY} from report_by_agent({PERIOD})
        order by conversations desc, agent_name limit 20
        """,
        f"""
        select {OF} agent_name as name, conversations as number from report_by_agent({PERIOD})
        order by conversations desc, agent_name limit 20
        """,
        charts.bars,
    ),
    "agg_by_tag": Preview(
        "Conversations by tag; a conversation with two tags counts in both",
        f"""
        select {OF} tag as tag, {BY_KEY} from report_by_tag({PERIOD})
        order by conversations desc, tag limit 20
        """,
        f"""
        select {OF} tag as name, conversations as number from report_by_tag({PERIOD})
        order by conversations desc, tag limit 20
        """,
        charts.bars,
    ),
    "csat_summary": Preview(
        "Answers by rating",
        """
        select days, surveys_sent as "surveys sent", csat_n as answered,
            round(100 * response_rate)::int || ' %' as "response rate",
            round(100 * csat_score)::int || ' %' as satisfied,
            round(csat_avg, 2) as rating
        from preview_weeks order by week
        """,
        f"""
        select rating::varchar as name, number
        from (
            select unnest([1, 2, 3, 4, 5]) as rating,
                unnest([rating_1, rating_2, rating_3, rating_4, rating_5]) as number
            from report_overview({PERIOD})
        )
        order by rating
        """,
        charts.columns,
    ),
    "agg_by_hour": Preview(
        "Conversations by weekday and local hour",
        f"""
        select ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'][iso_weekday] as weekday,
            sum(conversations) as conversations, sum(inbound_messages) as "inbound messages",
            sum(agent_messages) as "agent messages",
            arg_max(hour, inbound_messages) || ':00' as "busiest hour"
        from report_by_hour({PERIOD}) group by iso_weekday order by iso_weekday
        """,
        f"""
        select iso_weekday, hour, sum(conversations) as number from report_by_hour({PERIOD})
        group by all order by all
        """,
        charts.week,
    ),
    "fct_conversations": Preview(
        "First response times of started conversations; below, the latest ten conversations",
        f"""
        select strftime(started_at, '%-d %b %H:%M') as "started (UTC)", origin, status, agent_name as agent,
            list_aggregate(conversation_tags, 'string_agg', ', ') as tags, messages,
            round(first_response_seconds / 60) as "response, minutes", csat_rating as rating
        from report_details({PERIOD}) limit 10
        """,
        f"""
        select name, count(first_response_seconds) as number
        from (
            values ('< 5 min', 0, 300), ('< 15 min', 300, 900), ('< 1 h', 900, 3600), ('< 4 h', 3600, 14400),
                ('< 1 day', 14400, 86400), ('longer', 86400, 'infinity'::double)
        ) as bins(name, from_seconds, to_seconds)
        left join report_details({PERIOD})
            on first_response_seconds >= from_seconds and first_response_seconds < to_seconds
        group by name, from_seconds
        order by from_seconds
        """,
        charts.columns,
    ),
    "fct_messages": Preview(
        "Messages per day, by sender",
        """
        select days, messages, inbound_messages as inbound, agent_messages as "by agents",
            automated_messages as automated
        from preview_weeks order by week
        """,
        f"""
        unpivot (
            select report_date as day, sum(inbound_messages) as inbound, sum(agent_messages) as agents,
                sum(automated_messages) as automation
            from report_overview_by_day({PERIOD}) group by all order by all
        )
        on inbound, agents, automation into name kind value number
        """,
        partial(charts.bars_by_day, kinds=["inbound", "agents", "automation"]),
    ),
}


def measure_weeks(connection: duckdb.DuckDBPyConnection, last: date) -> None:
    """Create the temporary table of the figures of the weeks to `last`, which previews read."""
    # DuckDB does not pass parameters to a query that creates a table.
    weeks = WEEKS.replace("$last", quoted(str(last)))
    connection.execute(f"create or replace temp table preview_weeks as {weeks}")


def preview(connection: duckdb.DuckDBPyConnection, table: str, last: date) -> str | None:
    """Return the preview of a table for the weeks to `last` as Markdown, or None without one.

    Needs the table of `measure_weeks`.
    """
    if table not in PREVIEWS:
        return None
    known = PREVIEWS[table]
    result = _execute(connection, known.rows, last)
    names = [column[0] for column in result.description]
    rows = markdown_table(names, result.fetchall())
    drawn = _execute(connection, known.drawn, last).df()
    chart = b64encode(known.draw(drawn, WIDTH).encode()).decode()
    about = f"{known.about}, in the {DAYS} days to {last:%-d %B %Y}"
    return "\n\n".join([f"{about}.", f"![{about}](data:image/svg+xml;base64,{chart})", rows])


def _execute(connection: duckdb.DuckDBPyConnection, query: str, last: date) -> duckdb.DuckDBPyConnection:
    # DuckDB rejects a parameter that the query does not name.
    return connection.execute(query, {"last": last} if "$last" in query else None)
