"""The tables of a release, each with what a reader of Dagster's catalog finds about it.

Belongs here: their names and a sentence on each. Does not: their columns (the models of dbt describe them).
"""

TABLES = {
    "fct_conversations": "Every conversation: its origin, its agent, its times, its rating.",
    "agg_by_agent": "Each agent's day: conversations, messages, times and ratings; Unassigned included.",
    "agg_by_tag": "Each tag's day: why people write. A conversation with two tags counts in both.",
    "csat_summary": "Each day's surveys: sent, answered, satisfied, dissatisfied, by origin and agent.",
    "fct_customer_turns": "Every turn of a customer: how it ended, who answered, and how long it took.",
    "agg_overview": "Each day's conversations, messages, times and ratings, by origin.",
    "agg_by_hour": "When people write: conversations and messages by weekday and hour of the local clock.",
    "agg_backlog": "The conversations open at the end of each day, by agent, and for how long.",
    "agg_delivery": "Each day's outbound messages: sent, delivered, read, failed, by template and price.",
    "fct_messages": "Every message: its time, direction and sender. Never its text.",
    "fct_conversation_events": "Events of conversations: assigned, handed off, closed, reopened.",
    "dim_accounts": "The accounts: platform, time zone, thresholds of ratings, and targets.",
    "dim_agents": "The agents by name, role and team.",
    "dim_contacts": "The contacts, each under a keyed hash, with their tags. No names, no numbers.",
    "bridge_conversation_tags": "Which conversation has which tag.",
    "ingested_files": "Every ingested file: its records, and how many were accepted and rejected.",
    "rejected_records": "Why records were rejected, counted by file and reason. Never their content.",
}
QUALITY_RESULTS = "quality_results"
# What is published: the tables of the candidate, and one that publishing adds.
PUBLISHED = TABLES | {
    QUALITY_RESULTS: "The results of the checks of every run, including runs that were not published."
}
