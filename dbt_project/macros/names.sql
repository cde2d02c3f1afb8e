{# Names of people and of tags. #}

{# First and last name of a person; null without either. #}
{% macro full_name(person) -%}
    nullif({{ trimmed("coalesce(" ~ person ~ ".first_name, '') || ' ' || coalesce(" ~ person ~ ".last_name, '')") }}, '')
{%- endmacro %}


{# A text without leading and trailing spaces, including those of Unicode such as the no-break space. #}
{% macro trimmed(text) -%}
    {{ return(adapter.dispatch('trimmed', 'conversation_reports')(text)) }}
{%- endmacro %}

{% macro default__trimmed(text) -%}
    regexp_replace({{ text }}, '^\\p{Zs}+|\\p{Zs}+$', '')
{%- endmacro %}

{% macro duckdb__trimmed(text) -%}
    trim({{ text }})
{%- endmacro %}


{# The identifier of a tag in an account: its id if the platform has one, else its name as exported. `tagged` is the tagged
   entity, `conversation` or `contact`, because each has separate tag ids. #}
{% macro tag_key(tagged, source_tag_id, tag_name) -%}
    {{ tagged }} || case
        when {{ source_tag_id }} is not null then ' id ' || {{ source_tag_id }}
        else ' name ' || {{ tag_name }}
    end
{%- endmacro %}


{# A text in composed characters (NFC), without invisible characters and without leading and trailing spaces. #}
{% macro clean_text(text) -%}
    {{ return(adapter.dispatch('clean_text', 'conversation_reports')(text)) }}
{%- endmacro %}

{# Spark has no function for composed characters, but includes a library for them. #}
{% macro default__clean_text(text) -%}
    {%- set visible = "regexp_replace(" ~ text ~ ", '[\\\\p{Cf}\\\\p{Cc}\\\\x{FE00}-\\\\x{FE0F}]', '')" -%}
    {{ trimmed("if(" ~ text ~ " is null, null, reflect('com.ibm.icu.text.Normalizer', 'compose', " ~ visible ~ ", false))") }}
{%- endmacro %}

{% macro duckdb__clean_text(text) -%}
    {{ trimmed("nfc_normalize(regexp_replace(" ~ text ~ ", '[\\p{Cf}\\p{Cc}\\x{FE00}-\\x{FE0F}]', '', 'g'))") }}
{%- endmacro %}


{# A text in a form that is the same for all its spellings. #}
{% macro folded_text(text) -%}
    replace(lower({{ clean_text(text) }}), 'ß', 'ss')
{%- endmacro %}


{# The names of the tags in a relation of raw records, each with the time at which the record had it. #}
{% macro tag_names_of(records, tagged, tags, seen_at) -%}
    select
        _account_id as account_id,
        '{{ tagged }}' as tagged,
        tag.id as source_tag_id,
        coalesce(tag.name, tag.id) as tag_name,
        _file_id as file_id,
        seen_at
    from (
        select
            _account_id,
            _file_id,
            {{ explode_list(tags) }} as tag,
            {{ seen_at }} as seen_at
        from {{ records }}
    ) as exploded
{%- endmacro %}
