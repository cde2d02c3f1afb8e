"""The frame of every page: document language, browser history, print style and footer style.

Belongs here: features for which Streamlit has no option. Does not: content.
"""

import streamlit as st

from reports.language import Language

STYLE = """<style>
@media print {
    [data-testid=stSidebar], [data-testid=stHeader], [data-testid=stToolbar], [data-testid=stDownloadButton],
    [data-testid=stElementToolbar], [data-testid=stButtonGroup], .stPageLink { display: none !important; }
    .stApp, [data-testid=stAppViewContainer], [data-testid=stMain] {
        position: static !important; display: block !important; height: auto !important;
        overflow: visible !important; color: #000 !important; background: #fff !important;
    }
    [data-testid=stMetric], [data-testid=stVegaLiteChart], [data-testid=stDataFrame] { break-inside: avoid; }
    h1, h2, h3 { break-after: avoid; }
}
[data-testid=stMetricLabel], [data-testid=stMetricLabel] * {
    white-space: normal !important; overflow: visible !important;
}
.st-key-footer { border-top: 1px solid rgba(128, 128, 128, .4); padding-top: .5rem; }
</style>"""
# Streamlit declares its pages as English, and adds two history entries for a page: one without and one with
# its parameters. Here the second entry replaces the first one unless the user acted in between. On a phone
# the sidebar covers the page, so it closes when another page is selected.
SCRIPT = """<script>
document.documentElement.lang = "{lang}";
if (!window.reportPages) {{
    const pages = window.reportPages = {{isArriving: true}};
    const push = history.pushState.bind(history);
    history.pushState = (state, title, url) => {{
        const isOtherPage = new URL(url, location.href).pathname !== location.pathname;
        if (!isOtherPage && pages.isArriving) history.replaceState(state, title, url);
        else push(state, title, url);
        if (isOtherPage) {{
            pages.isArriving = true;
            const close = document.querySelector("[data-testid=stSidebarCollapseButton] button");
            if (close && innerWidth < 768) close.click();
        }}
    }};
    for (const kind of ["pointerdown", "keydown"])
        addEventListener(kind, () => {{ pages.isArriving = false; }}, true);
}}
</script>"""


def show_frame(language: Language) -> None:
    """Set the document language, the history entries and the styles."""
    st.html(STYLE)
    st.html(SCRIPT.format(lang=language.code), unsafe_allow_javascript=True)
