-- Grain: one row per living customer, on the published date: every class and what it rests on.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

classes as (
    select * from {{ ref('int_customers__classes') }}
),

lifecycle as (
    select * from {{ ref('int_customers__lifecycle') }}
),

customer_values as (
    select * from {{ ref('int_customers__value') }}
),

rfm as (
    select * from {{ ref('int_customers__rfm') }}
),

abc as (
    select * from {{ ref('int_customers__abc') }}
),

channels as (
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

customers as (
    select * from {{ ref('int_customers__customers') }}
),

lines as (
    select * from {{ ref('int_explanations__lines') }}
)

select
    classes.as_of_date,
    classes.customer_key,
    classes.rfm_class,
    classes.abc_tier,
    classes.relationship_stage,
    classes.customer_status,
    classes.prospect_stage,
    classes.value_class,
    classes.frequency_class,
    classes.behavior_class,
    classes.purchasing_power,
    classes.loyalty_class,
    classes.feedback_class,
    classes.satisfaction_level,
    classes.primary_need,
    classes.purchase_channel,
    classes.preferred_channel,
    classes.relationship_closeness,
    classes.decision_power,
    classes.intent_class,
    classes.customer_type,
    classes.company_size,
    classes.industry,
    classes.market,
    classes.city_tier,
    classes.region,
    classes.north_south,
    classes.behavior_channel,
    classes.source_channel,
    classes.feedback_polarity,
    classes.need_kind,
    classes.occupation,
    classes.age_band,
    lifecycle.purchase_days,
    lifecycle.tenure_days,
    lifecycle.recency_days,
    lifecycle.cadence_days,
    lifecycle.window_purchase_days,
    lifecycle.recent_base,
    lifecycle.recent_purchase_days,
    lifecycle.prior_base,
    lifecycle.prior_purchase_days,
    lifecycle.open_deals,
    lifecycle.two_way_contacts,
    lifecycle.qualified_leads,
    coalesce(intent.intent_score, 0) as intent_score,
    intent.probability_part,
    intent.lead_part,
    intent.stated_part,
    customer_values.value_score,
    customer_values.monetary_pct,
    customer_values.clv_pct,
    customer_values.loyalty_score,
    customer_values.average_order_base,
    customer_values.median_order_base,
    customer_values.power_of_size,
    rfm.frequency,
    rfm.monetary_base as rfm_monetary_base,
    lines.recency_max,
    lines.frequency_min,
    lines.monetary_min,
    abc.monetary_base,
    abc.held_tier,
    lines.a_min,
    lines.b_min,
    channels.window_online_base,
    channels.window_offline_base,
    channels.is_online_last,
    behaviour.delivers_activities,
    behaviour.interactions_30d,
    behaviour.interactions_90d,
    behaviour.age_days,
    behaviour.two_way_contacts_180d,
    behaviour.online_interactions,
    behaviour.offline_interactions,
    behaviour.main_manner,
    cast(customers.first_purchase_date as string) as first_purchase_date,
    feedback.open_complaints,
    feedback.satisfaction_score,
    feedback.answers_365d,
    feedback.recent_complaints,
    customers.country as country_crm,
    customers.province as province_crm,
    customers.city as city_crm,
    customers.industry as industry_crm,
    customers.employees,
    customers.annual_revenue,
    customers.source_channel as source_channel_crm,
    cast(customers.birth_date as string) as birth_date
from classes
inner join run_context on classes.as_of_date = run_context.as_of_date
inner join lines on classes.as_of_date = lines.as_of_date
{%- for table in ['lifecycle', 'customer_values', 'behaviour', 'feedback', 'customers'] %}
    inner join {{ table }}
        on
            classes.as_of_date = {{ table }}.as_of_date
            and classes.customer_key = {{ table }}.customer_key
{%- endfor %}
{%- for table in ['rfm', 'abc', 'channels', 'intent'] %}
    left join {{ table }}
        on
            classes.as_of_date = {{ table }}.as_of_date
            and classes.customer_key = {{ table }}.customer_key
{%- endfor %}
