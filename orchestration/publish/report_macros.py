"""The report macros: the SQL files of `macros/`, rendered with the lists of filters and measures.

Belongs here: what several macros repeat. Does not: the macros themselves, nor when they are created (see
`build`).
"""

from pathlib import Path

import jinja2
import yaml

from orchestration.settings import PROJECT

FOLDER = Path(__file__).parent / "macros"
MACROS = (  # in the order in which they refer to each other
    "filters",
    "report_coverage",
    "measures",
    "report_overview",
    "report_overview_compared",
    "report_overview_by_day",
    "report_over_time",
    "report_origins_over_time",
    "report_trend",
    "report_by_hour",
    "report_heatmap",
    "report_by_agent",
    "report_by_channel",
    "report_by_tag",
    "report_by_tag_compared",
    "report_backlog",
    "report_inbox",
    "report_open",
    "report_open_counts",
    "report_response_bands",
    "report_handled_by",
    "report_details",
    "report_timeline",
    "report_choices",
    "report_days",
)
FILTERS = (
    "accounts",
    "agents",
    "origins",
    "channels",
    "teams",
    "conversation_tags",
    "contact_tags",
    "working_hours",
)
# Counted by the day of a message, a close or a survey.
COUNTS_BY_DAY = (
    *("inbound_messages", "outbound_messages", "agent_messages", "automated_messages", "closed_on_day"),
    *("surveys_sent", "surveys_answered", "csat_n", "csat_sum", "satisfied", "dissatisfied"),
    *(f"rating_{rating}" for rating in range(1, 6)),
)


def macro_statements() -> list[str]:
    """Return the SQL that creates the report macros, in order."""
    measures = yaml.safe_load((PROJECT / "dbt_project" / "dbt_project.yml").read_text())["vars"]
    environment = jinja2.Environment(  # noqa: S701 - the files are SQL, and no value comes from outside
        loader=jinja2.FileSystemLoader(FOLDER), undefined=jinja2.StrictUndefined
    )
    environment.globals |= {
        "filters": ", ".join(FILTERS),
        "conversation_filters": ", ".join(FILTERS[1:]),
        "optional_filters": ", ".join(f"{name} := null" for name in FILTERS),
        "counts": measures["counts"],
        "counts_by_day": COUNTS_BY_DAY,
        "times": [*measures["times"], "duration_working", "reply_working", "total_wait_working"],
        "targets": measures["targets"],
        "timed": _timed,
        "on_target": _on_target,
    }
    return [environment.get_template(f"{name}.sql").render() for name in MACROS]


def _timed(value: str, name: str) -> str:
    return (
        f"count({value}) as {name}_n, sum({value}) as {name}_sum,"
        f" quantile_cont({value}, [0.5, 0.9]) as {name}_quantiles"
    )


def _on_target(value: str, name: str) -> str:
    return f"count({value}) as {name}_on_target_n, count(*) filter (where {value}) as {name}_on_target_met"
