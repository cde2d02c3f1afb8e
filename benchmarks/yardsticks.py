"""The least that does the same as a stage, written by hand for it alone: the yardsticks of `stages`.

Belongs here: their SQL. Does not: running and measuring it. None of it rejects, explains, versions or keeps
anything; it is what a person would write who trusts the data and needs the answer once.
"""

from collections.abc import Iterable
from pathlib import Path

from orchestration.ingest.records import LINEAGE, raw_columns
from orchestration.ingest.schema import Entity
from orchestration.quality.declaration import Check, Mart
from orchestration.quality.marts import MARTS
from orchestration.quoting import quoted
from orchestration.settings import Settings

# How the generator writes the instants of an entity, if not in ISO 8601: the type and its way to UTC.
INSTANTS = {
    "contacts": ("VARCHAR", "timezone('UTC', timezone('Europe/Rome', strptime({0}, '%d/%m/%Y %H:%M')))"),
    "conversation_events": ("BIGINT", "make_timestamp({0} * 1000000)"),
}
ISO = ("TIMESTAMPTZ", "timezone('UTC', {0})")

# Of each conversation, as a table: its latest version, the first answer of a human agent to what the customer
# wrote first, the last close, the counts.
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
told as (select _account_id, unnest(last) from message where last.conversation is not null),
counted as (
    select
        _account_id,
        conversation,
        count(*) as messages,
        count(*) filter (where is_inbound) as inbound_messages,
        count(*) filter (where is_agent) as agent_messages,
        min(said_at) filter (where is_inbound) as first_inbound_at,
        max(said_at) as last_message_at
    from told
    group by all
),
answered as (
    select told._account_id, told.conversation, min(told.said_at) as first_response_at
    from told
    join counted using (_account_id, conversation)
    where told.is_agent and told.said_at >= counted.first_inbound_at
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

# The same row as `report_overview`, without filters; each table read once, and only for the days asked.
OVERVIEW = """
with settled as materialized (
    select f.*, a.satisfied_from, a.dissatisfied_to, a.time_zone
    from fct_conversations as f
    join _accounts() as a using (account_id)
    where f.started_on between {from_day} and {to_day}
        or f.survey_sent_at between {from_day} - interval 1 day and {to_day} + interval 2 days
        or f.survey_responded_at between {from_day} - interval 1 day and {to_day} + interval 2 days
),
conversations as (
    select
        count(*) as conversations,
        count(distinct contact_key) as distinct_contacts,
        count(*) filter (where is_closed) as closed,
        sum(reopens) as reopens,
        count(*) filter (where is_one_touch) as one_touch,
        count(*) filter (where is_automation_only) as automation_only,
        sum(windows_missed) as windows_missed,
        sum(turns_answered) as turns_answered,
        sum(turns_unanswered) as turns_unanswered,
        {times}
    from settled
    where started_on between {from_day} and {to_day}
),
surveys as (
    select
        count(*) filter (where sent_on between {from_day} and {to_day}) as surveys_sent,
        {ratings}
    from (
        select
            *,
            timezone(time_zone, timezone('UTC', survey_sent_at))::date as sent_on,
            case when timezone(time_zone, timezone('UTC', survey_responded_at))::date
                between {from_day} and {to_day} then csat_rating end as rating
        from settled
        where survey_sent_at is not null
    )
),
messages as (
    select
        sum(messages) as messages,
        sum(inbound_messages) as inbound_messages,
        sum(agent_messages) as agent_messages,
        sum(automated_messages) as automated_messages
    from _messages_by_day
    where sent_on between {from_day} and {to_day}
)
select * from conversations, surveys, messages
"""
TIMES = {
    "duration": "duration_seconds",
    "duration_working": "duration_working_seconds",
    "first_response": "first_response_seconds",
    "first_response_working": "first_response_working_seconds",
    "wait": "case when turns_answered > 0 then wait_sum_seconds end",
    "wait_working": "case when turns_answered > 0 then wait_working_sum_seconds end",
}


def copy_to_parquet(entity: Entity, files: Iterable[Path], target: Path) -> str:
    """Return the SQL that turns JSON lines of an entity into Parquet of the same columns, but for lineage."""
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
    """Return the SQL that makes one table of conversations from the raw Parquet."""
    return CONVERSATIONS.format(raw=raw)


def overview(from_day: str, to_day: str) -> str:
    """Return the query of what `report_overview` answers for these days."""
    measured = ("count", "n"), ("sum", "sum"), ("avg", "avg")
    times = [
        f"{function}({sql}) as {name}_{end}" for name, sql in TIMES.items() for function, end in measured
    ]
    times += [
        f"quantile_cont({sql}, {share}) as {name}_{end}"
        for name, sql in TIMES.items()
        for share, end in ((0.5, "median"), (0.9, "p90"))
    ]
    ratings = [
        "count(rating) as csat_n",
        "sum(rating) as csat_sum",
        "avg(rating) as csat_avg",
        "count(*) filter (where rating >= satisfied_from) as satisfied",
        "count(*) filter (where rating <= dissatisfied_to) as dissatisfied",
        *(f"count(*) filter (where rating = {rating}) as rating_{rating}" for rating in range(1, 6)),
    ]
    return OVERVIEW.format(
        from_day=f"date '{from_day}'",
        to_day=f"date '{to_day}'",
        times=", ".join(times),
        ratings=", ".join(ratings),
    )


def gate(settings: Settings) -> str:
    """Return what the gate asks, in SQL: of each mart one scan for all about its rows, then the rest."""
    values = {"raw_path": quoted(settings.raw_path), "hash_key_path": quoted(settings.hash_key_path)} | {
        name: getattr(settings, name)
        for name in ("max_rejected_share", "max_volume_drop", "stale_after_hours")
    }
    set_values = [f"set variable {name} = {value}" for name, value in values.items()]
    queries = [query.replace("{{", "{").replace("}}", "}") for mart in MARTS for query in _queries(mart)]
    return ";\n".join(set_values + queries)


def _queries(mart: Mart) -> list[str]:
    table = f"marts.{mart.table}"
    of_rows = " or ".join(filter(None, (f"({_of_row(check)})" for check in mart.checks if _of_row(check))))
    between_rows = [check.broken_keys for check in mart.checks if check.broken_keys]
    return [
        f"select count(*), count(*) filter (where {of_rows or 'false'}) from {table}",
        *(f"select count(*) from ({query.replace('{batch}', table)})" for query in between_rows),
    ]


def _of_row(check: Check) -> str:
    """Return the condition of the rows that break a check; empty where it is not about rows."""
    told = check.arguments
    match check.expectation:
        case "ExpectColumnValuesToNotBeNull":
            return f"{told['column']} is null"
        case "ExpectColumnValuesToBeInSet":
            return f"{told['column']} not in ({', '.join(map(quoted, told['value_set']))})"
        case "ExpectColumnValuesToBeBetween":
            return f"{told['column']} not between {told['min_value']} and {told['max_value']}"
        case "ExpectColumnPairValuesAToBeGreaterThanB":
            return f"{told['column_A']} < {told['column_B']}"
        case "" | "ExpectTableRowCountToBeBetween":
            return check.broken_where
    raise ValueError(f"{check.name}: no SQL for {check.expectation}")
