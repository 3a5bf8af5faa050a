-- Grain: one row per rule × entity × crm_source × owner on the published date: how many rows were
-- judged. Each table of flags is read once.
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
        select
            as_of_date,
            crm_source,
            owner_key,
            {%- for rule in rules %}
                count({{ rule }}) as {{ rule }}_evaluated,
                count(*) filter (where {{ rule }}) as {{ rule }}_failed,
            {%- endfor %}
            count(*) as records
        from {{ flags }}
        group by as_of_date, crm_source, owner_key
    ),
{% endfor %}
counts as (
    {%- for entity in entities %}
        {%- set rules = rule_columns(ref('int_dq__' ~ entity ~ '_flags')) %}
        select
            {{ entity }}.as_of_date,
            rules.rule_id,
            '{{ entity }}' as entity,
            {{ entity }}.crm_source,
            {{ entity }}.owner_key,
            {{ of_rule(rules, '_evaluated', '0') }} as evaluated,
            {{ of_rule(rules, '_failed', '0') }} as failed,
            {{ entity }}.records - {{ of_rule(rules, '_evaluated', '0') }} as not_applicable,
            cast(null as string) as error
        from {{ entity }}
        cross join {{ rule_rows(rules) }} as rules
        union all
    {%- endfor %}
    select
        run_context.as_of_date,
        custom_counts.rule_id,
        custom_counts.entity,
        custom_counts.crm_source,
        custom_counts.owner_key,
        custom_counts.evaluated,
        custom_counts.failed,
        custom_counts.not_applicable,
        custom_counts.error
    from {{ source('raw', 'custom_counts') }} as custom_counts
    inner join {{ source('raw', 'run_context') }} as run_context on run_context.is_newest
)

select
    as_of_date,
    rule_id,
    entity,
    crm_source,
    owner_key,
    evaluated,
    failed,
    not_applicable,
    error
from counts
