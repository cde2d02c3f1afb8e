"""Sending the reports of a release to the addresses of a setting.

Belongs here: the message. Does not: when it is sent (see `assets`), nor sending (see `common.messages`).
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from orchestration.common.messages import send_message
from orchestration.publish.freshness import FRESH, check_freshness
from orchestration.publish.page.report import page_link, period_title
from orchestration.settings import Settings
from reports.language import Language

log = logging.getLogger(__name__)


def send_reports(settings: Settings, pages: Sequence[Path]) -> str:
    """Send these pages with the verdict on each account. Return how many addresses were reached, as a text.

    Errors are logged, not raised, because a failed delivery must not fail the run.
    """
    language, freshness = Language(settings.report_language), check_freshness(settings)
    verdicts = [
        f"{account.account_id}: {language(f'freshness.{account.verdict}')}" for account in freshness.accounts
    ]
    body = "\n".join(
        [
            *verdicts,
            *freshness.reasons(language),
            "",
            f"{language('static.open')}: {page_link(settings, lang=language.code)}",
        ]
    )
    title = language("static.subject", period=period_title(language, settings.report_period))
    kind = "info" if freshness.verdict == FRESH else "warning"
    try:
        return send_message("CONVERSATIONS_REPORT_URLS", settings.report_urls, title, body, kind, pages)
    except Exception as error:
        log.warning("The reports could not be sent: %s", type(error).__name__)
        return f"not: {type(error).__name__}"
