"""Who is looking, and which accounts they may see.

Belongs here: the user's e-mail, the list of access. Does not: narrowing a query to the accounts (see
`release`).

The list of access is a CSV file `email,account_id`, one row per pair; `*` stands for all accounts. Without
one, everybody who reaches the pages sees every account.
"""

import csv
from pathlib import Path

import streamlit as st

from orchestration.settings import Settings

COLUMNS = ["email", "account_id"]
ALL = "*"


class AccessError(Exception):
    """The list of access cannot be read; the message says where and what to do."""


def login_is_set_up() -> bool:
    """Tell whether `secrets.toml` names a provider for Streamlit's own sign-on."""
    return bool(st.secrets.load_if_toml_exists() and "auth" in st.secrets)


def user_email(settings: Settings) -> str | None:
    """Return the e-mail that the proxy's header or the sign-on vouches for; None where nobody does."""
    if settings.report_user_header:
        # The proxy sets the header; a second one comes from the user.
        emails = st.context.headers.get_all(settings.report_user_header)
        return emails[0] or None if len(emails) == 1 else None
    if not st.user.get("is_logged_in") or st.user.get("email_verified") is False:
        return None
    return st.user.get("email")


def allowed_accounts(settings: Settings, email: str | None) -> tuple[str, ...] | None:
    """Return the accounts that the user may see, None for all of them.

    Raises `AccessError` where there is a list but it cannot be read.
    """
    if settings.report_access is None:
        return None
    granted = {
        account for user, account in _pairs(settings.report_access) if email and user == email.casefold()
    }
    return None if ALL in granted else tuple(sorted(granted))


def _pairs(path: Path) -> list[tuple[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AccessError(f"{path}: {error}") from error
    if not rows or [name.strip() for name in rows[0]] != COLUMNS:
        raise AccessError(f"{path}, line 1: expected the heading {','.join(COLUMNS)}")
    for line, row in enumerate(rows[1:], 2):
        if row and (len(row) != len(COLUMNS) or not all(value.strip() for value in row)):
            raise AccessError(f"{path}, line {line}: expected an e-mail address and an account, or *")
    return [(row[0].strip().casefold(), row[1].strip()) for row in rows[1:] if row]
