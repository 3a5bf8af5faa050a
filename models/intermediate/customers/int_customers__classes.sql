-- Grain: one row per requested as_of_date × living customer: one value per class, never null.
-- A backfill reads it once, for the history: there it is a view (dbt_project.yml).
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_requested
),

customers as (
    select * from {{ ref('int_customers__customers') }}
    where not is_deleted
),

rfm as (
    select * from {{ ref('int_customers__rfm') }}
),

abc as (
    select * from {{ ref('int_customers__abc') }}
),

lifecycle as (
    select * from {{ ref('int_customers__lifecycle') }}
),

customer_values as (
    select * from {{ ref('int_customers__value') }}
),

purchase_channels as (
    select * from {{ ref('int_customers__purchase_channels') }}
),

intent as (
    select * from {{ ref('int_customers__intent') }}
),

behaviour as (
    select * from {{ ref('int_customers__behaviour') }}
),

feedback as (
    select * from {{ ref('int_customers__feedback') }}
),

relationship as (
    select * from {{ ref('int_customers__relationship') }}
),

needs as (
    select * from {{ ref('int_customers__needs_summary') }}
),

profiles as (
    select * from {{ ref('int_customers__profile') }}
)

select
    customers.as_of_date,
    customers.customer_key,
    customers.customer_name,
    customers.owner_key,
    coalesce(rfm.rfm_class, 'not_applicable') as rfm_class,
    coalesce(rfm.rfm_code, 'not_applicable') as rfm_code,
    coalesce(abc.abc_tier, 'not_applicable') as abc_tier,
    lifecycle.relationship_stage,
    lifecycle.customer_status,
    lifecycle.prospect_stage,
    customer_values.value_class,
    customer_values.frequency_class,
    behaviour.behavior_class,
    customer_values.purchasing_power,
    customer_values.loyalty_class,
    feedback.feedback_class,
    feedback.satisfaction_level,
    needs.primary_need,
    coalesce(purchase_channels.purchase_channel, 'not_applicable') as purchase_channel,
    behaviour.preferred_channel,
    relationship.relationship_closeness,
    profiles.decision_power,
    coalesce(intent.intent_class, 'not_applicable') as intent_class,
    profiles.customer_type,
    profiles.company_size,
    profiles.industry,
    profiles.market,
    profiles.city_tier,
    profiles.region,
    profiles.north_south,
    lifecycle.customer_status = 'new' as is_new_customer,
    behaviour.behavior_channel,
    profiles.source_channel,
    feedback.feedback_polarity,
    needs.need_kind,
    profiles.occupation,
    profiles.age_band
from customers
inner join run_context on customers.as_of_date = run_context.as_of_date
{%- for table in [
    'lifecycle', 'customer_values', 'behaviour', 'feedback', 'relationship', 'needs', 'profiles',
] %}
    inner join {{ table }}
        on
            customers.as_of_date = {{ table }}.as_of_date
            and customers.customer_key = {{ table }}.customer_key
{%- endfor %}
{%- for table in ['rfm', 'abc', 'purchase_channels', 'intent'] %}
    left join {{ table }}
        on
            customers.as_of_date = {{ table }}.as_of_date
            and customers.customer_key = {{ table }}.customer_key
{%- endfor %}
