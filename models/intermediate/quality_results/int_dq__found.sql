-- Grain: one row per rule × record that breaks it, on the published date.
-- depends_on: {{ ref('int_dq__accounts_flags') }}
-- depends_on: {{ ref('int_dq__contacts_flags') }}
-- depends_on: {{ ref('int_dq__leads_flags') }}
-- depends_on: {{ ref('int_dq__deals_flags') }}
-- depends_on: {{ ref('int_dq__orders_flags') }}
-- depends_on: {{ ref('int_dq__order_lines_flags') }}
-- depends_on: {{ ref('int_dq__refunds_flags') }}
-- depends_on: {{ ref('int_dq__activities_flags') }}
-- depends_on: {{ ref('int_dq__products_flags') }}
-- depends_on: {{ ref('int_dq__amounts_flags') }}
-- depends_on: {{ ref('int_dq__feedback_flags') }}
-- depends_on: {{ ref('int_dq__customers_flags') }}
-- depends_on: {{ ref('int_dq__open_deals_flags') }}
{%- set entities = flag_tables() %}
with
{%- for entity in entities %}
    {%- set flags = ref('int_dq__' ~ entity ~ '_flags') %}
    {%- set rules = rule_columns(flags) %}
    {{ entity }} as (
        select *
        from {{ flags }}
        where {{ rules | join(' or ') if rules else 'false' }}
    ),
{% endfor %}
found as (
    {%- for entity in entities %}
        {%- set rules = rule_columns(ref('int_dq__' ~ entity ~ '_flags')) %}
        select
            {{ entity }}.as_of_date,
            rules.rule_id,
            {{ entity }}.entity,
            {{ entity }}.crm_source,
            {{ entity }}.record_kind,
            {{ entity }}.record_id,
            {{ entity }}.owner_key,
            {{ of_rule(rules, '_value', 'null') }} as value
        from {{ entity }}
        cross join {{ rule_rows(rules) }} as rules
        where {{ of_rule(rules, '', 'false') }}
        union all
    {%- endfor %}
    select
        run_context.as_of_date,
        custom_violations.rule_id,
        custom_violations.entity,
        custom_violations.crm_source,
        custom_violations.record_kind,
        custom_violations.record_id,
        custom_violations.owner_key,
        custom_violations.value
    from {{ source('raw', 'custom_violations') }} as custom_violations
    inner join {{ source('raw', 'run_context') }} as run_context on run_context.is_newest
)

select
    as_of_date,
    rule_id,
    entity,
    crm_source,
    record_kind,
    record_id,
    owner_key,
    value
from found
