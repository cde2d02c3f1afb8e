"""Checks of the delivery of outbound messages.

Belongs here: `agg_delivery`. Does not: the checks of the messages that it counts.
"""

from orchestration.quality.check import Check
from orchestration.quality.conditions import between, incremental_mart, not_negative, not_null, same_totals

AGG_DELIVERY = incremental_mart(
    "agg_delivery",
    ("account_id", "report_date", "template_name", "pricing_category"),
    not_null("account_id"),
    not_null("report_date"),
    not_null("template_name"),
    not_negative("messages", "sent", "delivered", "read", "failed", "billable"),
    Check(
        "delivery_steps_are_nested",
        "read ≤ delivered ≤ sent, and sent + failed ≤ messages",
        broken_where="read > delivered or delivered > sent or sent + failed > messages",
    ),
    between("delivery_rate", 0, 1),
    between("read_rate", 0, 1),
    between("failure_rate", 0, 1),
    Check(
        "rates_are_null_without_messages",
        "a rate is null, not 0, if and only if its denominator is 0",
        broken_where="""
            (sent > 0) <> (delivery_rate is not null)
            or (delivered > 0) <> (read_rate is not null)
            or (sent + failed > 0) <> (failure_rate is not null)
        """,
    ),
    same_totals(
        "deliveries_match_facts",
        "(from fct_messages where direction = 'outbound')",
        "sent_on",
        {
            "messages": "count(*)",
            "sent": "count(*) filter (where delivery_status in ('sent', 'delivered', 'read', 'deleted'))",
            "delivered": "count(*) filter (where delivery_status in ('delivered', 'read'))",
            "read": "count(*) filter (where delivery_status = 'read')",
            "failed": "count(*) filter (where delivery_status = 'failed')",
            "billable": "count(*) filter (where is_billable)",
        },
    ),
)

MARTS = (AGG_DELIVERY,)
