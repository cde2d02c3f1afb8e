"""The user of the report pages, and the accounts that they can see.

Belongs here: the e-mail address of the user, and the access list. Does not: limiting a query to the accounts
(see `release`).

The access list is a CSV file `email,account_id` with one row per pair; `*` means all accounts. Without the
list, every user sees every account.
"""

import csv
from pathlib import Path

import streamlit as st

from orchestration.settings import Settings

COLUMNS = ["email", "account_id"]
ALL = "*"


class AccessError(Exception):
    """The access list cannot be read. The message has the line and what is expected."""


def login_is_set_up() -> bool:
    """Return whether `secrets.toml` configures a provider for Streamlit's login."""
    return bool(st.secrets.load_if_toml_exists() and "auth" in st.secrets)


def user_email(settings: Settings) -> str | None:
    """Return the verified e-mail address from the header of the proxy or from the login, or None."""
    if settings.report_user_header:
        # The proxy sets one header. A second one would come from the user.
        emails = st.context.headers.get_all(settings.report_user_header)
        return emails[0] or None if len(emails) == 1 else None
    if not st.user.get("is_logged_in") or st.user.get("email_verified") is False:
        return None
    return st.user.get("email")


def allowed_accounts(settings: Settings, email: str | None) -> tuple[str, ...] | None:
    """Return the accounts that the user can see, None for all.

    Raises `AccessError` if the access list is invalid.
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
