"""The entry point of the report pages: `streamlit run reports/app.py`, or `make reports`.

Belongs here: the order in which the parts of a page are rendered. Does not: the content of a page (see
`views`).
"""

import logging
from pathlib import Path

import duckdb
import streamlit as st

from orchestration.publish.reader import FILE
from orchestration.publish.release import current_release
from orchestration.settings import SettingsError, load_settings
from reports.access import AccessError, allowed_accounts, login_is_set_up, user_email
from reports.filters import Address, one_of, touched
from reports.footer import show_footer, show_stale
from reports.frame import show_frame
from reports.language import LANGUAGES, Language, preferred
from reports.period import coverage
from reports.release import Queries, ReleaseChangedError
from reports.sidebar import show_filters
from reports.view import View
from reports.views.by_agent import by_agent
from reports.views.by_place import by_place
from reports.views.by_tag import by_tag
from reports.views.details import details
from reports.views.now import now
from reports.views.overview import overview

PAGES = {
    "overview": overview,
    "now": now,
    "by_agent": by_agent,
    "by_tag": by_tag,
    "by_place": by_place,
    "details": details,
}
ICON = Path(__file__).with_name("favicon.svg")

log = logging.getLogger(__name__)


def main() -> None:
    """Render the page of the current URL."""
    address = Address()
    language = chosen_language(address)
    pages = {
        name: st.Page(
            lambda name=name: show_page(language, address, name),
            title=language(f"page.{name}"),
            url_path=name.replace("_", "-"),
            default=name == "overview",
        )
        for name in PAGES
    }
    page = st.navigation(list(pages.values()), position="top")
    st.set_page_config(
        page_title=f"{page.title} · {language('page.title')}", page_icon=str(ICON), layout="wide"
    )
    show_frame(language)
    if wanted := st.session_state.pop("_page", None):
        st.switch_page(pages[wanted])
    page.run()
    with st.sidebar:
        st.selectbox(
            language("filter.language"),
            list(LANGUAGES),
            format_func=LANGUAGES.get,
            key="lang",
            on_change=touched,
        )
    address.write()


def chosen_language(address: Address) -> Language:
    """Return the language of the URL or, without one, of the browser."""
    default = preferred(st.context.locale)
    address.hold(one_of("lang", list(LANGUAGES), default))
    return Language(st.session_state["lang"])


def show_page(language: Language, address: Address, name: str) -> None:
    """Show a page, or the reason why it is empty."""
    st.title(language(f"page.{name}"))
    try:
        queries = _queries(language)
        if queries is None:
            return
        show_stale(language, queries)
        above = st.container()
        view = _view(language, address, queries, name)
        if view is not None:
            PAGES[name](view)
        # Only now, since a page has filters of its own.
        with above:
            _show_unreadable(language, address)
        show_footer(language, queries)
    except ReleaseChangedError:
        st.rerun()
    except duckdb.CatalogException:
        st.error(language("empty.older_release"))
    except duckdb.Error:
        log.exception("Page %s could not be rendered", name)
        st.error(language("empty.damaged_release"))


def _queries(language: Language) -> Queries | None:
    """Return the queries on the release for this user. Show the reason and return None if there are none."""
    try:
        settings = load_settings()
        email = user_email(settings)
        if login_is_set_up():
            _sign_on(language, email)
        if email is None and (settings.report_access or login_is_set_up()):
            st.warning(language("empty.not_known"))
            return None
        allowed = allowed_accounts(settings, email)
    except (SettingsError, AccessError) as error:
        st.error(language("empty.access_broken", reason=""))
        st.text(str(error))
        return None
    release = current_release(settings)
    if release is None:
        if (settings.published_path / FILE).exists():
            st.error(language("empty.damaged_release"))
        else:
            st.info(language("empty.no_release"))
        return None
    queries = Queries(settings, release, allowed)
    if not queries.accounts():
        st.warning(language("empty.no_access"))
        return None
    return queries


def _sign_on(language: Language, email: str | None) -> None:
    with st.sidebar:
        if email is None:
            st.button(language("empty.log_in"), on_click=st.login)
        else:
            st.text(email)
            st.button(language("empty.log_out"), on_click=st.logout)


def _view(language: Language, address: Address, queries: Queries, page: str) -> View | None:
    """Show the filters. Return the view of the page, or show the reason and return None if it is empty."""
    known = coverage(queries.about("report_coverage"))
    if known is None:
        st.info(language("empty.no_data"))
        return None
    choices = queries.about("report_choices")
    filters, is_working_time = show_filters(language, address, choices, known)
    if address.clamped:
        limits = {"first": language.day(known.first), "last": language.day(known.last)}
        st.info(language("note.clamped", **limits))
    if filters.from_date > filters.to_date:
        st.info(language("empty.period_reversed"))
        return None
    if filters.accounts:
        known = coverage(queries.about("report_coverage", accounts=filters.accounts)) or known
    return View(language, queries, filters, address, is_working_time, known, page)


def _show_unreadable(language: Language, address: Address) -> None:
    """Name the values of the address that were left out."""
    if address.unreadable:
        keys = ({"lang": "language"}.get(name, name) for name in address.unreadable)
        kinds = {key: "filter" if language.has(f"filter.{key}") else "details" for key in keys}
        names = [language.code_name(kind, key) for key, kind in kinds.items()]
        st.warning(language("note.no_filter_values", names=language.listed(names)))


if __name__ == "__main__":
    main()
