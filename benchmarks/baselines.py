"""The baselines of `stages`: minimal hand-written SQL with the same result as a stage.

Belongs here: the SQL. Does not: running and measuring it. A baseline trusts the data: it neither rejects
records nor handles errors, and keeps no state.
"""

from collections.abc import Iterable
from pathlib import Path

from orchestration.common.sql import quoted
from orchestration.ingest.parsing.typing import LINEAGE, raw_columns
from orchestration.ingest.platforms.schema import Entity
from orchestration.quality.check import Check, Mart
from orchestration.quality.marts import MARTS
from orchestration.settings import Settings

# The time format of an entity in the sample, if not ISO 8601: the type and its conversion to UTC.
INSTANTS = {
    "contacts": ("VARCHAR", "timezone('UTC', timezone('Europe/Rome', strptime({0}, '%d/%m/%Y %H:%M')))"),
    "conversation_events": ("BIGINT", "make_timestamp({0} * 1000000)"),
}
ISO = ("TIMESTAMPTZ", "timezone('UTC', {0})")

# A table of conversations: the latest version, the first answer of an agent to the first inbound message, the
# last close, and the counts.
CONVERSATIONS = """
create table conversations as
with conversation as (
    select
        _account_id,
        id,
        arg_max({{created_on: created_on, status: status, source: source, closed_on: closed_on}},
            coalesce(last_updated_on, created_on)) as last
    from read_parquet('{raw}/conversations/activecampaign/*.parquet')
    group by all
),
message as (
    select
        _account_id,
        id,
        arg_max(
            {{
                conversation: conversation,
                said_at: "timestamp",
                is_inbound: direction = 'INBOUND',
                is_agent: direction = 'OUTBOUND' and sent_by.id is not null
                    and coalesce(sent_by.role, '') not in ('BOT', 'SYSTEM')
                    and coalesce(source, 'INBOX') = 'INBOX'
            }},
            coalesce(last_updated_on,
                greatest("timestamp", queued_on, accepted_on, sent_on, delivered_on, read_on, failed_on))
        ) as last
    from read_parquet('{raw}/messages/activecampaign/*.parquet')
    group by all
),
messages as (select _account_id, unnest(last) from message where last.conversation is not null),
counted as (
    select
        _account_id,
        conversation,
        count(*) as messages,
        count(*) filter (where is_inbound) as inbound_messages,
        count(*) filter (where is_agent) as agent_messages,
        min(said_at) filter (where is_inbound) as first_inbound_at,
        max(said_at) as last_message_at
    from messages
    group by all
),
answered as (
    select messages._account_id, messages.conversation, min(messages.said_at) as first_response_at
    from messages
    join counted using (_account_id, conversation)
    where messages.is_agent and messages.said_at >= counted.first_inbound_at
    group by all
),
closed as (
    select _account_id, conversation, max(occurred_on) as closed_at
    from read_parquet('{raw}/conversation_events/activecampaign/*.parquet')
    where type = 'closed'
    group by all
)
select
    conversation._account_id as account_id,
    conversation.id as conversation_id,
    conversation.last.status as status,
    conversation.last.source as source,
    counted.* exclude (_account_id, conversation),
    epoch(answered.first_response_at - counted.first_inbound_at) as first_response_seconds,
    conversation.last.created_on as started_at,
    answered.first_response_at,
    coalesce(conversation.last.closed_on, closed.closed_at) as closed_at
from conversation
left join counted
    on counted._account_id = conversation._account_id and counted.conversation = conversation.id
left join answered
    on answered._account_id = conversation._account_id and answered.conversation = conversation.id
left join closed
    on closed._account_id = conversation._account_id and closed.conversation = conversation.id
order by started_at;
checkpoint;
"""

# The rows of the reports without filters. Counts, times and distinct contacts have separate scans.
OVERVIEW = """
select *
from (select {conversations}, {handling}, {responses} from reporting.rpt_conversations where {started})
cross join (
    select count(distinct contact) as distinct_contacts from reporting.rpt_conversations where {started}
)
cross join (select {counts} from reporting.rpt_counts_by_day where day between {from_day} and {to_day})
"""
BY_AGENT = """
with part as (
    select account_id, agent_id, {conversations}, {handling}
    from reporting.rpt_conversations
    where {started}
    group by all
    union all by name
    select account_id, agent_id, count(distinct contact) as distinct_contacts
    from reporting.rpt_conversations
    where {started}
    group by all
    union all by name
    select account_id, responder_id as agent_id, {responses}
    from reporting.rpt_conversations
    where {started} and first_response_seconds is not null
    group by all
    union all by name
    select account_id, counted_agent_id as agent_id, {counts}
    from reporting.rpt_counts_by_day
    where day between {from_day} and {to_day}
    group by all
)
select
    part.account_id,
    part.agent_id,
    coalesce(any_value(dim_agents.agent_name), 'Unassigned') as agent_name,
    coalesce(any_value(columns(lambda name: regexp_matches(name, '^({numbers})$'))), 0),
    any_value(columns(lambda name: not regexp_matches(name, '^({numbers}|.*_id|agent_name)$')))
from part
left join (select agent_id, agent_name from dim_agents) as dim_agents on part.agent_id = dim_agents.agent_id
group by part.account_id, part.agent_id
"""
BY_TAG = """
with part as (
    select account_id, tag, {conversations}, {handling}, {responses}
    from (select *, unnest(tags) as tag from reporting.rpt_conversations where {started})
    group by all
    union all by name
    select account_id, tag, count(distinct contact) as distinct_contacts
    from (select *, unnest(tags) as tag from reporting.rpt_conversations where {started})
    group by all
    union all by name
    select account_id, tag, {counts}
    from (
        select *, unnest(tags) as tag
        from reporting.rpt_counts_by_day
        where day between {from_day} and {to_day}
    )
    group by all
)
select
    account_id,
    tag,
    coalesce(any_value(columns(lambda name: regexp_matches(name, '^({numbers})$'))), 0),
    any_value(columns(lambda name: not regexp_matches(name, '^({numbers}|account_id|tag)$')))
from part
group by account_id, tag
"""
DETAILS = """
select
    c.* exclude (
        source_conversation_id, channel_id, team_id, first_response_agent_id, is_closed, outbound_messages,
        agents_replied, first_inbound_at, first_response_at, first_closed_at, survey_sent_at,
        survey_responded_at
    ) replace (if(len(c.conversation_tags) > 0, c.conversation_tags, ['Untagged']) as conversation_tags),
    account.time_zone,
    coalesce(agent.agent_name, c.agent_id, 'Unassigned') as agent_name,
    coalesce(responder.agent_name, c.first_response_agent_id) as first_response_agent_name
from fct_conversations as c
join dim_accounts as account using (account_id)
left join dim_agents as agent on c.agent_id = agent.agent_id
left join dim_agents as responder on c.first_response_agent_id = responder.agent_id
where c.{started}
order by c.started_at desc, c.conversation_id
"""
# The columns that are 0, not null, without activity.
NUMBERS = (
    "conversations|distinct_contacts|closed|reopens|one_touch|automation_only|windows_expired|repeats|.*_n"
    "|.*messages|surveys_sent|(dis)?satisfied|rating_.*"
)
HANDLING = ("duration", "duration_working", "total_wait", "total_wait_working")
RESPONSES = ("first_response", "first_response_working")


def copy_to_parquet(entity: Entity, files: Iterable[Path], target: Path) -> str:
    """Return the SQL that converts JSON lines of an entity to Parquet with the raw columns except lineage."""
    kind, in_utc = INSTANTS.get(entity.name, ISO)
    columns = {name: sql for name, sql in raw_columns(entity).items() if name not in LINEAGE}
    read = {name: kind if sql == "TIMESTAMP" else sql for name, sql in columns.items()}
    typed = ", ".join(
        f"{in_utc.format(named)} as {named}" if columns[name] == "TIMESTAMP" else named
        for name, named in ((name, f'"{name}"') for name in columns)
    )
    declared = ", ".join(f'"{name}": {quoted(sql)}' for name, sql in read.items())
    listed = ", ".join(quoted(file) for file in files)
    return (
        f"copy (select {typed} from read_json([{listed}], format = 'newline_delimited',"
        f" columns = {{{declared}}})) to {quoted(target)} (format parquet, compression zstd)"
    )


def conversations(raw: Path) -> str:
    """Return the SQL that builds one table of conversations from the raw Parquet files."""
    return CONVERSATIONS.format(raw=raw)


def reports(from_day: str, to_day: str) -> dict[str, str]:
    """Return the query of each of the four reports by name, for these days."""
    messages = ("messages", "inbound_messages", "agent_messages", "automated_messages")
    surveys = ("surveys_sent", "csat_n", "csat_sum", "satisfied", "dissatisfied")
    ratings = (f"rating_{rating}" for rating in range(1, 6))
    parts = {
        "numbers": NUMBERS,
        "from_day": f"date '{from_day}'",
        "to_day": f"date '{to_day}'",
        "started": f"started_on between date '{from_day}' and date '{to_day}'",
        "conversations": """
            count(*) as conversations,
            count(*) filter (where is_closed) as closed,
            sum(reopens) as reopens,
            count(*) filter (where is_one_touch) as one_touch,
            count(*) filter (where is_automation_only) as automation_only,
            sum(windows_expired) as windows_expired,
            count(*) filter (where is_repeat) as repeats""",
        "handling": ", ".join(map(_statistics, HANDLING)),
        "responses": ", ".join(map(_statistics, RESPONSES)),
        "counts": ", ".join(
            [
                *(f"sum({name}) as {name}" for name in (*messages, *surveys, *ratings)),
                "sum(csat_sum) / sum(csat_n) as csat_avg",
                "sum(satisfied) / nullif(sum(csat_n), 0) as csat_score",
                "sum(csat_n) / nullif(sum(surveys_sent), 0) as response_rate",
            ]
        ),
    }
    queries = {
        "report_overview": OVERVIEW,
        "report_by_agent": BY_AGENT,
        "report_by_tag": BY_TAG,
        "report_details": DETAILS,
    }
    return {name: query.format_map(parts) for name, query in queries.items()}


def _statistics(time: str) -> str:
    seconds = f"{time}_seconds"
    return (
        f"count({seconds}) as {time}_n, sum({seconds}) as {time}_sum, avg({seconds}) as {time}_avg,"
        f" quantile_cont({seconds}, [0.5, 0.9])[1] as {time}_median,"
        f" quantile_cont({seconds}, [0.5, 0.9])[2] as {time}_p90"
    )


def gate(settings: Settings) -> str:
    """Return the checks of all rows as SQL: one scan of each mart, then the other queries."""
    values = {
        "raw_path": quoted(settings.raw_path),
        "hash_key_path": quoted(settings.hash_key_path),
        "build_ids": "null",
        "checked_batches": "[]::varchar[]",
    } | {
        name: getattr(settings, name)
        for name in ("max_rejected_share", "max_volume_drop", "stale_after_hours")
    }
    set_values = [
        f"attach {quoted(settings.warehouse_path)} as warehouse (read_only)",
        *(f"set variable {name} = {value}" for name, value in values.items()),
    ]
    queries = [query.replace("{{", "{").replace("}}", "}") for mart in MARTS for query in _queries(mart)]
    return ";\n".join(set_values + queries)


def _queries(mart: Mart) -> list[str]:
    table = mart.table
    of_rows = " or ".join(filter(None, (f"({_of_row(check)})" for check in mart.checks if _of_row(check))))
    between_rows = [check.broken_keys for check in mart.checks if check.broken_keys]
    return [
        f"select count(*), count(*) filter (where {of_rows or 'false'}) from {table}",
        *(f"select count(*) from ({query.replace('{batch}', table)})" for query in between_rows),
    ]


def _of_row(check: Check) -> str:
    """Return the condition of rows that fail a check; empty if the check is not about single rows."""
    arguments = check.arguments
    match check.expectation:
        case "ExpectColumnValuesToNotBeNull":
            return f"{arguments['column']} is null"
        case "ExpectColumnValuesToBeInSet":
            return f"{arguments['column']} not in ({', '.join(map(quoted, arguments['value_set']))})"
        case "ExpectColumnValuesToBeBetween":
            return f"{arguments['column']} not between {arguments['min_value']} and {arguments['max_value']}"
        case "ExpectColumnPairValuesAToBeGreaterThanB":
            return f"{arguments['column_A']} < {arguments['column_B']}"
        case "" | "ExpectTableRowCountToBeBetween":
            return check.broken_where
    raise ValueError(f"{check.name}: no SQL for {check.expectation}")
