-- Linked contacts are one contact. The canonical id of a group is its first id in sort order, which puts numbers before
-- user ids. Each round follows one more link. A data test fails for a group that needs more than `rounds`.
{{ config(
    materialized='incremental' if target.type == 'duckdb' else 'table',
    incremental_strategy='delete+insert',
    unique_key='contact_id',
) }}
{# Spark repeats the plan of each round in the next one. With more rounds its driver runs out of memory. #}
{% set rounds = 8 if target.type == 'duckdb' else 3 %}

with

mentions as (

    select distinct
        account_id,
        contact_id
    from {{ ref('int_mentions') }}
    where
        contact_id is not null
        and {{ is_in_new_file() }}

),

links as (

    select distinct
        account_id,
        contact_id,
        linked_contact_id
    from ({{ union_platforms('contact_links') }}) as contact_links
    where
        contact_id <> linked_contact_id
        and {{ is_in_new_file() }}

),

previous_groups as (

    {% if is_incremental() -%}
    select
        contact_id,
        canonical_contact_id
    from {{ this }}
    {%- else -%}
    {{ no_rows({'contact_id': 'text', 'canonical_contact_id': 'text'}) }}
    {%- endif %}

),

contacts as (

    select
        account_id,
        contact_id
    from mentions

    union distinct

    select
        account_id,
        contact_id
    from links

    union distinct

    select
        account_id,
        linked_contact_id as contact_id
    from links

),

-- A group of the previous build represents its members.
groups as (

    select
        contacts.account_id,
        contacts.contact_id,
        coalesce(previous_groups.canonical_contact_id, contacts.contact_id) as group_id
    from contacts
    left join previous_groups
        on contacts.contact_id = previous_groups.contact_id

),

linked_groups as (

    select
        one.group_id,
        other.group_id as linked_group_id
    from links
    inner join groups as one
        on links.contact_id = one.contact_id
    inner join groups as other
        on links.linked_contact_id = other.contact_id

),

edges as (

    select
        group_id,
        linked_group_id
    from linked_groups

    union distinct

    select
        linked_group_id as group_id,
        group_id as linked_group_id
    from linked_groups

    union distinct

    select
        group_id,
        group_id as linked_group_id
    from linked_groups

    union distinct

    select
        linked_group_id as group_id,
        linked_group_id
    from linked_groups

),

reached_0 as (

    select distinct
        group_id,
        group_id as first_id
    from edges

),

{% for round in range(rounds) -%}
reached_{{ round + 1 }} as (

    select
        edges.group_id,
        min(reached_{{ round }}.first_id) as first_id
    from edges
    inner join reached_{{ round }}
        on edges.linked_group_id = reached_{{ round }}.group_id
    group by edges.group_id

),

{% endfor -%}
members as (

    select
        account_id,
        contact_id,
        group_id
    from groups

    {% if is_incremental() -%}
    union distinct

    select
        account_id,
        contact_id,
        canonical_contact_id as group_id
    from {{ this }}
    where canonical_contact_id in (select group_id from reached_{{ rounds }})
    {%- endif %}

),

canonical_contacts as (

    select
        members.contact_id,
        members.account_id,
        coalesce(reached_{{ rounds }}.first_id, members.group_id) as canonical_contact_id
    from members
    left join reached_{{ rounds }}
        on members.group_id = reached_{{ rounds }}.group_id

),

final as (

    select
        contact_id,
        account_id,
        canonical_contact_id,
        {{ keyed_hash('canonical_contact_id') }} as contact_key,
        {{ half_key(keyed_hash('canonical_contact_id')) }} as owner_key,
        {{ half_key(keyed_hash('contact_id')) }} as own_key
    from canonical_contacts

)

select * from final
