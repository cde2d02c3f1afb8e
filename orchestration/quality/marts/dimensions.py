"""What must be true of agents and contacts.

Belongs here: the promises of `dim_agents` and `dim_contacts`. Does not: who refers to them.
"""

from orchestration.quality.check import Check, few_rejected, filled, mart, no_file_refused

DIM_AGENTS = mart(
    "dim_agents",
    ("agent_id",),
    few_rejected("agents"),
    no_file_refused("agents"),
    filled("agent_id"),
    filled("account_id"),
    filled("agent_name"),
)

DIM_CONTACTS = mart(
    "dim_contacts",
    ("contact_key",),
    few_rejected("contacts"),
    no_file_refused("contacts"),
    filled("contact_key"),
    filled("account_id"),
    Check(
        "contact_key_is_a_hash",
        "contact_key is a SHA-256 in hexadecimal, never a number, an address or an id",
        # Shown as a count: what is no hash may be somebody's number.
        broken_keys="""
            select account_id || ': ' || count(*) || ' contacts' as key
            from {batch}
            where not regexp_full_match(contact_key, '[0-9a-f]{{64}}')
            group by account_id
        """,
    ),
)

MARTS = (DIM_AGENTS, DIM_CONTACTS)
