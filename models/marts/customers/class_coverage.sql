-- Grain: one row per dimension × source, on the published date: how much of it is known.
{%- set dimensions = [
    'rfm_class', 'abc_tier', 'relationship_stage', 'customer_status', 'prospect_stage',
    'value_class', 'frequency_class', 'behavior_class', 'purchasing_power', 'loyalty_class',
    'feedback_class', 'satisfaction_level', 'primary_need', 'purchase_channel',
    'preferred_channel', 'relationship_closeness', 'decision_power', 'intent_class',
    'customer_type', 'company_size', 'industry', 'market', 'city_tier', 'region', 'north_south',
    'behavior_channel', 'source_channel', 'feedback_polarity', 'need_kind', 'occupation',
    'age_band',
] %}
with classes as (
    select * from {{ ref('int_customers__classes') }}
),

customers as (
    select * from {{ ref('int_customers__customers') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

counted as (
    select
        classes.as_of_date,
        customers.crm_source,
        {%- for dimension in dimensions %}
            count(*) filter (where classes.{{ dimension }} = 'unknown')
                as {{ dimension }}_unknown,
            count(*) filter (where classes.{{ dimension }} = 'not_applicable')
                as {{ dimension }}_not_applicable,
        {%- endfor %}
        count(*) as customers
    from classes
    inner join run_context on classes.as_of_date = run_context.as_of_date
    inner join customers
        on
            classes.as_of_date = customers.as_of_date
            and classes.customer_key = customers.customer_key
    group by classes.as_of_date, customers.crm_source
),

dimensions as (
    {%- for dimension in dimensions %}
        select
            as_of_date,
            '{{ dimension }}' as dimension,
            crm_source,
            customers,
            {{ dimension }}_unknown as unknown_customers,
            {{ dimension }}_not_applicable as not_applicable_customers
        from counted
        {{ 'union all' if not loop.last }}
    {%- endfor %}
)

select
    as_of_date,
    dimension,
    crm_source,
    customers,
    unknown_customers,
    not_applicable_customers,
    {{ rounded(
        '100 * cast(unknown_customers as double)'
        ~ ' / cast(nullif(customers - not_applicable_customers, 0) as double)'
    ) }} as unknown_pct
from dimensions
