"""Checks of accounts, agents and contacts.

Belongs here: `dim_accounts`, `dim_agents`, `dim_contacts`. Does not: references to them, which are checks of
the referring table.
"""

from orchestration.quality.check import Check
from orchestration.quality.conditions import (
    incremental_mart,
    mart,
    no_file_is_rejected,
    not_null,
    rejection_rate,
)

DIM_ACCOUNTS = mart(
    "dim_accounts",
    ("account_id",),
    not_null("account_id"),
    not_null("platform"),
    not_null("time_zone"),
    not_null("csat_satisfied_from"),
    not_null("csat_dissatisfied_to"),
    Check(
        "accounts_match_seed",
        "exactly one row for each account of the seed accounts",
        broken_keys="""
            select
                coalesce(
                    seed.account_id || ' is not in the mart', rows.account_id || ' is not in the seed'
                ) as key
            from warehouse.seeds.accounts as seed
            full join {batch} as rows on seed.account_id = rows.account_id
            where seed.account_id is null or rows.account_id is null
        """,
    ),
    Check(
        "csat_thresholds_do_not_overlap",
        "csat_dissatisfied_to < csat_satisfied_from",
        broken_where="csat_dissatisfied_to >= csat_satisfied_from",
    ),
)

DIM_AGENTS = mart(
    "dim_agents",
    ("agent_id",),
    rejection_rate("agents"),
    no_file_is_rejected("agents"),
    not_null("agent_id"),
    not_null("account_id"),
    not_null("agent_name"),
)

DIM_CONTACTS = incremental_mart(
    "dim_contacts",
    ("contact_key",),
    rejection_rate("contacts"),
    no_file_is_rejected("contacts"),
    not_null("contact_key"),
    not_null("account_id"),
    Check(
        "contact_key_is_a_hash",
        "contact_key is a SHA-256 in hexadecimal, not a phone number, an address or an id",
        # The result has counts instead of keys: a contact_key that is not a hash may be a phone number.
        broken_keys="""
            select account_id || ': ' || count(*) || ' contacts' as key
            from {batch}
            where not regexp_full_match(contact_key, '[0-9a-f]{{64}}')
            group by account_id
        """,
    ),
)

MARTS = (DIM_ACCOUNTS, DIM_AGENTS, DIM_CONTACTS)
