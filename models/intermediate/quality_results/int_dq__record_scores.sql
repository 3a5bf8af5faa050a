-- Grain: one row per account, and per contact without one, on the published date: how many entry and
-- update rules were judged on it, and how many of them it breaks.
-- depends_on: {{ ref('int_dq__accounts_flags') }}
-- depends_on: {{ ref('int_dq__contacts_flags') }}
with records as (
    {%- for entity, record_type in [('accounts', 'account'), ('contacts', 'contact')] %}
        {%- set flags = ref('int_dq__' ~ entity ~ '_flags') %}
        {%- set rules = rule_columns(flags) | reject('in', ['str_007', 'str_008']) | list %}
        select
            '{{ record_type }}' as record_type,
            crm_source,
            record_id as source_id,
            {% for rule in rules -%}
                case when {{ rule }} is null then 0 else 1 end
                {{- ' + ' if not loop.last }}
            {%- endfor %} as evaluated,
            {% for rule in rules -%}
                case when {{ rule }} then 1 else 0 end
                {{- ' + ' if not loop.last }}
            {%- endfor %} as failed
        from {{ flags }}
        {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    source_map.customer_key,
    records.record_type,
    records.evaluated,
    records.failed
from records
inner join {{ ref('int_customers__source_map') }} as source_map
    on
        records.record_type = source_map.record_type
        and records.crm_source = source_map.crm_source
        and records.source_id = source_map.source_id
