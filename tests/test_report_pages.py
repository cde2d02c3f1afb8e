"""The report pages in a browser, with the sample: shown and downloaded figures match the macros."""

import pandas as pd
import pytest
from playwright.sync_api import expect
from report_browser import (
    DAYS,
    ENGLISH,
    PERIOD,
    download_table,
    figures,
    query_release,
    read_cell,
    select_option,
    url_parameter,
    wait_until_rendered,
)

from orchestration.publish.page.figures import HEADLINES
from reports.language import Language
from reports.tables import written

pytestmark = pytest.mark.slow
pytest_plugins = ["report_browser"]


def expected_figures(settings, filters="", working="", language=ENGLISH):
    overview = query_release(settings, f"from report_overview('{DAYS[0]}', '{DAYS[1]}'{filters})").iloc[0]
    timed = ("first_response", "reply", "total_wait", "duration")
    found = {}
    for measure, kind in ((headline.measure, headline.kind) for headline in HEADLINES):
        is_timed = "_on_target" not in measure
        name = next((m for m in timed if is_timed and measure.startswith(m)), None)
        column = measure.replace(name, name + working) if name else measure
        found[language(f"column.{measure}")] = written(language, kind, overview[column])
    return found


def test_the_overview_matches_the_macro(visit, sample):
    page = visit(f"?{PERIOD}")
    assert figures(page) == expected_figures(sample)
    page = visit(f"?{PERIOD}&lang=it&clock=working&hours=out")
    filters = ", working_hours := false"
    assert figures(page) == expected_figures(sample, filters, "_working", Language("it"))


def test_filters_change_figures_and_url_and_the_url_restores_them(visit, sample):
    page = visit(f"?{PERIOD}")
    select_option(page, "Agent", "Giulia")
    select_option(page, "Origin", "Inbound")
    select_option(page, "Conversation tag", "Reso")
    page.get_by_role("radio", name="Working time").or_(
        page.get_by_role("button", name="Working time")
    ).first.click()
    wait_until_rendered(page)
    assert url_parameter(page, "agents") == ["demo:ag-01"]
    assert (url_parameter(page, "origins"), url_parameter(page, "clock")) == (["inbound"], ["working"])
    shown = figures(page)
    filters = ", agents := ['demo:ag-01'], origins := ['inbound'], conversation_tags := ['Reso']"
    assert shown == expected_figures(sample, filters, "_working")
    assert figures(visit(page.url.split("/", 3)[3])) == shown

    page.get_by_role("link", name="By agent").click()
    page.wait_for_url("**/by-agent*")
    wait_until_rendered(page)
    assert url_parameter(page, "agents") == ["demo:ag-01"]
    agents = download_table(page, "csv", "Agents")
    assert agents.set_index("Agent").at["Giulia Ferri", "Conversations"] == int(shown["Conversations"])

    page.get_by_role("button", name="Reset filters").click()
    wait_until_rendered(page)
    assert url_parameter(page, "agents") is None


def test_agents_match_the_macro(visit, sample):
    page = visit(f"by-agent?{PERIOD}&grain=month&metric=csat&bars=reply")
    expected = query_release(
        sample,
        f"from report_by_agent('{DAYS[0]}', '{DAYS[1]}')"
        " order by agent_id is null, conversations desc, agent_name",
    )
    assert expected["agent_name"].iloc[-1] == "Unassigned"
    for kind in ("csv", "xlsx"):
        found = download_table(page, kind, "Agents")
        assert list(found["Agent"]) == list(expected["agent_name"])
        for heading, column in {
            "Conversations": "conversations",
            "Messages": "messages",
            "One-touch": "one_touch",
            "First response, median (s)": "first_response_median",
            "Reply time, average (s)": "reply_avg",
            "Reply time, average (s), n": "reply_n",
            "Rating": "csat_avg",
        }.items():
            assert found[heading].astype(float).to_list() == pytest.approx(
                expected[column].astype(float).to_list(), abs=1e-4, nan_ok=True
            )
    inbox = download_table(page, "xlsx", "Inbox-now")
    assert inbox["Started in the period"].sum() == expected["conversations"].sum()
    is_open = "select count(*) as n from fct_conversations where not is_closed"
    assert inbox["Open"].sum() == query_release(sample, is_open).at[0, "n"]
    first = expected.iloc[0]
    assert read_cell(page, 1, 0) == first["agent_name"]
    assert read_cell(page, 2, 0) == ENGLISH.count(first["conversations"])


def test_tags_match_the_macro_and_a_note_states_that_they_overlap(visit, sample):
    days = "2025-11-17", "2025-12-21"  # the previous period has data on all days
    page = visit(f"by-tag?from={days[0]}&to={days[1]}&grain=week")
    expected = query_release(
        sample,
        f"from report_by_tag('{days[0]}', '{days[1]}') order by tag = 'Untagged', conversations desc, tag",
    )
    found = download_table(page, "csv", "Tags")
    assert list(found["Tag"]) == list(expected["tag"])
    assert list(found["Contacts"]) == list(expected["distinct_contacts"])
    changes = query_release(
        sample, f"from report_by_tag_compared('{days[0]}', '{days[1]}') order by difference desc, tag"
    )
    rising = download_table(page, "csv", "Rising-and-falling")
    assert list(rising["Difference"]) == list(changes["difference"])
    expect(page.get_by_text("the rows do not add up to the total")).to_be_visible()


def test_the_downloads_of_the_overview_match_its_charts_and_table(visit, sample):
    page = visit(f"?{PERIOD}&grain=week")
    expected = query_release(
        sample, f"from report_over_time('{DAYS[0]}', '{DAYS[1]}', grain := 'week') order by period_start desc"
    )
    weekly = download_table(page, "csv", "Weekly-figures")
    assert list(weekly["From"]) == [str(start.date()) for start in expected["period_start"]]
    assert list(weekly["Messages"]) == list(expected["messages"])
    for expander in page.get_by_test_id("stExpander").all():
        expander.locator("summary").click()
    wait_until_rendered(page)
    by_origin = download_table(page, "xlsx", "Conversations-by-origin")
    assert by_origin["Conversations"].sum() == expected["conversations"].sum()
    assert set(by_origin["Origin"]) == {"Flow", "Inbox", "Inbound", "Other"}


def test_details_are_paged_sorted_and_searched(visit, sample):
    page = visit(f"details?{PERIOD}&rows=25&sort=messages&page=2")
    details = f"from report_details('{DAYS[0]}', '{DAYS[1]}')"
    expected = query_release(
        sample, f"{details} order by messages desc nulls last, conversation_id limit 25 offset 25"
    )
    found = download_table(page, "csv", "Details")
    assert list(found["Conversation"]) == list(expected["conversation_id"])
    whole = download_table(page, "xlsx", "The-whole-list")
    assert len(whole) == query_release(sample, f"select count(*) as n {details}").at[0, "n"]
    assert list(whole["Conversation"][25:50]) == list(expected["conversation_id"])

    page.get_by_role("textbox", name="Search by ID").fill("c00011")
    page.keyboard.press("Enter")
    wait_until_rendered(page)
    assert url_parameter(page, "search") == ["c00011"]
    assert url_parameter(page, "page") is None
    found = download_table(page, "csv", "The-whole-list")
    matches = query_release(
        sample, f"select count(*) as n {details} where contains(conversation_id, 'c00011')"
    )
    assert len(found) == matches.at[0, "n"] > 0
    assert found["Conversation"].str.contains("c00011").all()


def test_a_timeline_is_in_the_time_zone_of_the_account(visit, sample):
    page = visit("details?conversation=demo:c0000017")
    expected = query_release(
        sample, "select *, local_time(happened_at, 'Europe/Rome') as t from report_timeline('demo:c0000017')"
    )
    found = download_table(page, "csv", "Conversation-timeline")
    assert list(pd.to_datetime(found["When"])) == list(expected["t"].dt.floor("s"))
    waits = found["Customer waited (s)"].to_list()
    assert waits == pytest.approx(expected["wait_seconds"].to_list(), nan_ok=True)
    page = visit("details?conversation=demo:nothing")
    expect(page.get_by_text(ENGLISH("details.unknown"))).to_be_visible()


def test_selecting_a_row_shows_its_timeline(visit):
    page = visit(f"details?{PERIOD}&rows=25")
    table = page.get_by_test_id("stDataFrame").first
    first = read_cell(page, 1, 0)
    box = table.bounding_box()
    page.mouse.click(box["x"] + 15, box["y"] + 52)
    wait_until_rendered(page)
    assert url_parameter(page, "conversation") == [first]
    expect(page.get_by_text("Waits are in calendar time")).to_be_visible()


def test_an_empty_page_states_the_reason(visit):
    page = visit("?from=2025-10-01&to=2025-10-01&agents=demo:ag-05&contact_tags=vip&hours=out")
    expect(page.get_by_text("No data from 1 Oct 2025 to 1 Oct 2025")).to_be_visible()
    page = visit(f"details?{PERIOD}&search=zzz")
    expect(page.get_by_text("has “zzz” in its ID")).to_be_visible()


def test_now_shows_the_open_conversations_of_the_macro(visit, sample):
    page = visit("now")
    (total,) = query_release(sample, "from report_open_counts() where per = 'total'").to_dict("records")
    (in_flow,) = query_release(sample, "from report_open_counts() where per = 'in_flow'").to_dict("records")
    shown = figures(page)
    assert shown["Open"] == ENGLISH.count(total["open"])
    assert shown["Longest wait"] == ENGLISH.duration(total["longest_waiting_seconds"])
    assert shown["In flow"] == ENGLISH.count(in_flow["open"])
    waiting = query_release(
        sample,
        "select conversation_id from report_open() where is_waiting and not is_in_flow"
        " order by waiting_since, conversation_id",
    )
    assert list(download_table(page, "csv", "Awaiting-reply")["Conversation"]) == list(
        waiting["conversation_id"]
    )
    agents = download_table(page, "csv", "By-agent")
    assert agents["Open"].sum() == total["open"]
    assert agents["Agent"].iloc[-1] == "Unassigned"


def test_channels_and_teams_match_the_macros(visit, sample):
    page = visit(f"by-place?{PERIOD}")
    for name in ("channel", "team"):
        expected = query_release(
            sample,
            f"from report_by_{name}('{DAYS[0]}', '{DAYS[1]}') order by {name}_id is null, conversations desc",
        )
        found = download_table(page, "csv", f"By-{name}")
        assert list(found["Conversations"]) == list(expected["conversations"])
        assert list(found["Reply time, median (s)"]) == pytest.approx(list(expected["reply_median"]))


def test_the_details_are_filtered_by_outcome_rating_and_target(visit, sample):
    details = f"from report_details('{DAYS[0]}', '{DAYS[1]}')"
    for filters, condition in {
        "outcome=waiting": "waiting_since is not null",
        "rating=1&rating=2": "csat_rating <= 2",
        "target=missed&status=closed": "not is_first_response_within_target and status = 'closed'",
    }.items():
        page = visit(f"details?{PERIOD}&{filters}")
        found = download_table(page, "csv", "The-whole-list")
        expected = query_release(sample, f"select conversation_id {details} where {condition}")
        assert set(found["Conversation"]) == set(expected["conversation_id"])
