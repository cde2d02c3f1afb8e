"""The tables of a release, with their descriptions in Dagster's catalog.

Belongs here: the names and a sentence on each. Does not: the columns (dbt models describe them).
"""

TABLES = {
    "fct_conversations": "Conversations with origin, agent, times and rating.",
    "agg_by_agent": "Conversations, messages, times and ratings by agent and day, including Unassigned.",
    "agg_by_tag": "Conversations, messages, times and ratings by tag and day. Tags overlap.",
    "csat_summary": "Surveys sent and answered, and their ratings, by day, origin and agent.",
    "fct_customer_turns": "Customer turns with outcome, answering agent and wait time.",
    "agg_overview": "Conversations, messages, times and ratings by day and origin.",
    "agg_by_hour": "Conversations and messages by day and local hour.",
    "agg_backlog": "Open conversations at the end of each day, by agent and age.",
    "agg_delivery": "Outbound messages sent, delivered, read and failed, by day, template and price.",
    "fct_messages": "Messages with time, direction and sender, without the text.",
    "fct_conversation_events": "Events of conversations: assigned, handed off, closed, reopened.",
    "dim_accounts": "Accounts with platform, time zone, rating thresholds and targets.",
    "dim_agents": "Agents with name, role and team.",
    "dim_contacts": "Contacts as keyed hashes, with their tags, without names and phone numbers.",
    "bridge_conversation_tags": "Tags of conversations.",
    "ingested_files": "Ingested files with the number of records read, accepted and rejected.",
    "rejected_records": "Rejected records by file and reason, without their content.",
}
QUALITY_RESULTS = "quality_results"
# All published tables: those of the candidate, and one that publishing adds.
PUBLISHED = TABLES | {QUALITY_RESULTS: "Check results of every run, including runs that were not published."}
