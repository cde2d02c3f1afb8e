"""Checks of the satisfaction surveys by day.

Belongs here: `csat_summary`. Does not: the rating of one conversation (`conversations`).
"""

from orchestration.quality.check import Check
from orchestration.quality.conditions import (
    accepted_values,
    between,
    incremental_mart,
    no_file_is_rejected,
    not_negative,
    not_null,
    rejection_rate,
    same_totals,
)
from orchestration.quality.marts.conversations import ORIGINS

CSAT_SUMMARY = incremental_mart(
    "csat_summary",
    ("account_id", "report_date", "origin", "agent_id", "csat_agent_id"),
    rejection_rate("surveys", "csat_survey_responses"),
    no_file_is_rejected("surveys", "csat_survey_responses"),
    not_null("account_id"),
    not_null("report_date"),
    not_null("origin"),
    accepted_values("origin", *ORIGINS),
    not_negative(
        *("surveys_sent", "surveys_answered"),
        "responses",
        "satisfied",
        "dissatisfied",
        *(f"rating_{n}" for n in range(1, 6)),
    ),
    between("csat_score", 0, 1),
    between("response_rate", 0, 1),
    Check(
        "surveys_answered_within_surveys_sent",
        "surveys_answered ≤ surveys_sent",
        broken_where="surveys_answered > surveys_sent",
    ),
    Check(
        "ratings_within_responses",
        "satisfied + dissatisfied ≤ responses, and rating_1 + … + rating_5 ≤ responses",
        broken_where="""
            satisfied + dissatisfied > responses
            or rating_1 + rating_2 + rating_3 + rating_4 + rating_5 > responses
        """,
    ),
    Check(
        "averages_are_null_without_responses",
        "csat_avg and csat_score are null, not 0, if and only if there are no responses",
        broken_where="""
            (responses > 0) <> (csat_avg is not null) or (responses > 0) <> (csat_score is not null)
        """,
    ),
    same_totals(
        "csat_sums_to_overview",
        "agg_overview",
        "report_date",
        {
            "surveys_sent": "sum(surveys_sent)",
            "surveys_answered": "sum(surveys_answered)",
            "responses": "sum(csat_n)",
            "csat_sum": "sum(csat_sum)",
        },
    ),
)

MARTS = (CSAT_SUMMARY,)
