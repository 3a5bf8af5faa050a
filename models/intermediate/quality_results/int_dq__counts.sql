-- Grain: one row per rule × entity × crm_source on the published date: how many rows were judged.
-- Each table of flags is read once.
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
        select
            as_of_date,
            crm_source,
            {%- for rule in rules %}
                count({{ rule }}) as {{ rule }}_evaluated,
                count(*) filter (where {{ rule }}) as {{ rule }}_failed,
            {%- endfor %}
            count(*) as records
        from {{ flags }}
        group by as_of_date, crm_source
    ),
{% endfor %}
counts as (
    {%- for entity in entities %}
        {%- set outer_loop = loop %}
        {%- for rule in rule_columns(ref('int_dq__' ~ entity ~ '_flags')) %}
            select
                as_of_date,
                '{{ rule | upper | replace("_", "-") }}' as rule_id,
                '{{ entity }}' as entity,
                crm_source,
                {{ rule }}_evaluated as evaluated,
                {{ rule }}_failed as failed,
                records - {{ rule }}_evaluated as not_applicable
            from {{ entity }}
            union all
        {%- endfor %}
    {%- endfor %}
    select
        cast(null as date) as as_of_date,
        cast(null as string) as rule_id,
        cast(null as string) as entity,
        cast(null as string) as crm_source,
        cast(null as bigint) as evaluated,
        cast(null as bigint) as failed,
        cast(null as bigint) as not_applicable
    where false
)

select
    as_of_date,
    rule_id,
    entity,
    crm_source,
    evaluated,
    failed,
    not_applicable
from counts
