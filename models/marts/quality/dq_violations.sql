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
-- depends_on: {{ ref('int_dq__customers_flags') }}
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
violations as (
    {%- for entity in entities %}
        {%- for rule in rule_columns(ref('int_dq__' ~ entity ~ '_flags')) %}
            select
                as_of_date,
                '{{ rule | upper | replace("_", "-") }}' as rule_id,
                entity,
                crm_source,
                record_id,
                owner_key,
                known_since,
                cast({{ rule }}_value as string) as value
            from {{ entity }}
            where {{ rule }}
            union all
        {%- endfor %}
    {%- endfor %}
    select
        cast(null as date) as as_of_date,
        cast(null as string) as rule_id,
        cast(null as string) as entity,
        cast(null as string) as crm_source,
        cast(null as string) as record_id,
        cast(null as string) as owner_key,
        cast(null as date) as known_since,
        cast(null as string) as value
    where false
),

dq_rules as (
    select * from {{ ref('dq_rules') }}
),

owners as (
    select * from {{ ref('int_crm__owner_directory') }}
)

select
    violations.as_of_date,
    violations.rule_id,
    violations.entity,
    violations.crm_source,
    violations.record_id,
    violations.owner_key,
    owners.owner_name,
    dq_rules.field,
    violations.value,
    dq_rules.severity,
    dq_rules.family,
    dq_rules.description_zh,
    dq_rules.description_en,
    dq_rules.fix_hint_zh,
    dq_rules.fix_hint_en,
    violations.known_since as first_seen_on,
    {{ days_between('violations.known_since', 'violations.as_of_date') }} as days_open
from violations
inner join dq_rules
    on
        violations.rule_id = dq_rules.rule_id
        and violations.entity = dq_rules.entity
        and violations.as_of_date >= dq_rules.valid_from
        and (dq_rules.valid_to is null or violations.as_of_date <= dq_rules.valid_to)
left join owners on violations.owner_key = owners.owner_key
