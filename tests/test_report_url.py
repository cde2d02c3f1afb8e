"""The filters of the report pages and their URL, without a release."""

import pytest
from streamlit.testing.v1 import AppTest

SIDEBAR = """
from datetime import date, timedelta

import pandas as pd

from reports.filters import Address
from reports.language import Language
from reports.period import Coverage
from reports.sidebar import show_filters
import streamlit as st

first, through = date(2025, 10, 1), date(2025, 12, 31)
known = Coverage(first, through, date(2026, 1, 2), first, through - timedelta(1))
choices = pd.DataFrame(
    [("agents", "a", "Ann"), ("agents", "b", "Bea")], columns=["filter", "value", "label"]
)
address = Address()
filters, _ = show_filters(Language("en"), address, choices, known)
st.text(f"{filters.from_date} {filters.to_date} {filters.agents} {len(address.clamped)}")
address.write()
"""


@pytest.fixture
def app():
    return AppTest.from_string(SIDEBAR, default_timeout=60)


def shown(app):
    assert not app.exception
    return app.text[0].value


@pytest.mark.parametrize(
    ("address", "days", "clamped"),
    [
        ({}, "2025-12-03 2025-12-30", 0),
        ({"period": "last_week"}, "2025-12-22 2025-12-28", 0),
        ({"from": "2025-11-01", "to": "2025-11-30"}, "2025-11-01 2025-11-30", 0),
        ({"from": "2020-01-01", "to": "2025-10-15"}, "2025-10-01 2025-10-15", 1),
        ({"from": "2025-12-30", "to": "2030-01-01"}, "2025-12-30 2026-01-02", 1),
        ({"from": "2020-01-01", "to": "2020-02-01"}, "2025-10-01 2025-10-01", 2),
        ({"period": "last_century"}, "2025-12-03 2025-12-30", 0),
    ],
)
def test_the_period_is_read_from_the_url(app, address, days, clamped):
    app.query_params.update(address)
    app.run()
    assert shown(app) == f"{days} None {clamped}"


def test_a_period_stays_relative_until_days_are_selected(app):
    app.run()
    assert dict(app.query_params) == {"period": "last_28_days"}
    app.selectbox(key="period").select("last_week").run()
    assert dict(app.query_params) == {"period": "last_week"}
    app.selectbox(key="period").select("custom").run()
    assert dict(app.query_params) == {"from": "2025-12-22", "to": "2025-12-28"}
    assert shown(app) == "2025-12-22 2025-12-28 None 0"


def test_going_back_restores_the_earlier_filters(app):
    app.run()
    app.multiselect(key="agents").select("b").run()
    assert dict(app.query_params) == {"period": "last_28_days", "agents": "b"}
    app.query_params.clear()
    app.query_params["period"] = "last_28_days"
    app.run()
    assert shown(app) == "2025-12-03 2025-12-30 None 0"


def test_another_page_keeps_the_filters(app):
    app.query_params.update({"from": "2025-11-01", "to": "2025-11-30", "agents": "a"})
    app.run()
    app.query_params.clear()
    app.run()
    assert shown(app) == "2025-11-01 2025-11-30 ['a'] 0"
    assert app.query_params["agents"] == "a"


def test_a_reset_restores_the_default_period(app):
    app.query_params.update({"from": "2025-11-01", "to": "2025-11-30", "agents": "a"})
    app.run()
    app.button[0].click().run()
    assert dict(app.query_params) == {"period": "last_28_days"}
    assert shown(app) == "2025-12-03 2025-12-30 None 0"
