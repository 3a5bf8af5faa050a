-- Grain: one row per open lead, and per living customer without a purchase, on the published date.
{%- set dimensions = [
    'prospect_stage', 'intent_class', 'behavior_class', 'potential_value_class', 'purchasing_power',
    'primary_need', 'feedback_class', 'source_channel', 'industry', 'company_size', 'market',
    'city_tier', 'region', 'decision_power',
] %}
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

leads as (
    select * from {{ ref('int_leads__prospects') }}
),

lead_profiles as (
    select * from {{ ref('int_leads__profile') }}
),

lead_behaviour as (
    select * from {{ ref('int_leads__behaviour') }}
),

intent as (
    select * from {{ ref('int_customers__intent') }}
),

customers as (
    select * from {{ ref('int_customers__customers') }}
),

classes as (
    select * from {{ ref('int_customers__classes') }}
),

profiles as (
    select * from {{ ref('int_customers__profile') }}
),

next_steps as (
    select * from {{ ref('prospect_next_steps') }}
),

size_classes as (
    select * from {{ ref('size_classes') }}
),

class_labels as (
    select * from {{ ref('class_labels') }}
),

prospects as (
    select
        leads.as_of_date,
        leads.lead_key as prospect_key,
        'lead' as prospect_type,
        leads.crm_source,
        coalesce(leads.company, leads.lead_name) as prospect_name,
        leads.crm_status as lead_status,
        leads.prospect_stage,
        leads.intent_score,
        leads.intent_class,
        leads.probability_part,
        leads.lead_part,
        leads.interactions_30d,
        leads.stated_part,
        coalesce(lead_behaviour.behavior_class, 'unknown') as behavior_class,
        case when leads.budget > 0 then cast(leads.budget as double) end as potential_base,
        coalesce(lead_behaviour.primary_need, 'unknown') as primary_need,
        coalesce(lead_behaviour.feedback_class, 'unknown') as feedback_class,
        lead_profiles.source_channel,
        lead_profiles.industry,
        lead_profiles.company_size,
        lead_profiles.market,
        lead_profiles.province,
        lead_profiles.city,
        lead_profiles.city_tier,
        lead_profiles.region,
        lead_profiles.decision_power,
        leads.owner_key
    from leads
    inner join run_context on leads.as_of_date = run_context.as_of_date
    inner join lead_profiles
        on
            leads.as_of_date = lead_profiles.as_of_date
            and leads.lead_key = lead_profiles.lead_key
    left join lead_behaviour
        on
            leads.as_of_date = lead_behaviour.as_of_date
            and leads.lead_key = lead_behaviour.lead_key
    union all
    select
        intent.as_of_date,
        intent.customer_key as prospect_key,
        'customer' as prospect_type,
        customers.crm_source,
        customers.customer_name as prospect_name,
        cast(null as string) as lead_status,
        classes.prospect_stage,
        intent.intent_score,
        intent.intent_class,
        intent.probability_part,
        intent.lead_part,
        intent.interactions_30d,
        intent.stated_part,
        classes.behavior_class,
        case when intent.expected_amount_base > 0 then intent.expected_amount_base end
            as potential_base,
        classes.primary_need,
        classes.feedback_class,
        profiles.source_channel,
        profiles.industry,
        profiles.company_size,
        profiles.market,
        profiles.province,
        profiles.city,
        profiles.city_tier,
        profiles.region,
        profiles.decision_power,
        customers.owner_key
    from intent
    inner join run_context on intent.as_of_date = run_context.as_of_date
    inner join customers
        on
            intent.as_of_date = customers.as_of_date
            and intent.customer_key = customers.customer_key
    inner join classes
        on
            intent.as_of_date = classes.as_of_date
            and intent.customer_key = classes.customer_key
    inner join profiles
        on
            intent.as_of_date = profiles.as_of_date
            and intent.customer_key = profiles.customer_key
),

ranked as (
    select
        prospects.*,
        case
            when prospects.potential_base is not null
                then {{ rounded(
                    'cume_dist() over ('
                    ~ 'partition by prospects.potential_base is null '
                    ~ 'order by prospects.potential_base nulls last)'
                ) }}
        end as potential_pct
    from prospects
),

classified as (
    select
        ranked.*,
        case
            when ranked.potential_pct >= thresholds.value_high then 'high'
            when ranked.potential_pct >= thresholds.value_medium then 'medium'
            when ranked.potential_pct is not null then 'low'
            else coalesce(size_classes.potential_value_class, 'unknown')
        end as potential_value_class,
        case
            when size_classes.purchasing_power <> 'unknown' then size_classes.purchasing_power
            when ranked.potential_pct >= thresholds.value_medium then 'high'
            when ranked.potential_pct is not null then 'low'
            else 'unknown'
        end as purchasing_power
    from ranked
    inner join thresholds on ranked.as_of_date = thresholds.as_of_date
    left join size_classes
        on
            ranked.company_size = size_classes.company_size
            and ranked.as_of_date >= size_classes.valid_from
            and ranked.as_of_date <= coalesce(size_classes.valid_to, cast('9999-12-31' as date))
)

select
    classified.as_of_date,
    classified.prospect_key,
    classified.prospect_type,
    classified.crm_source,
    classified.prospect_name,
    classified.lead_status,
    classified.intent_score,
    classified.probability_part,
    classified.lead_part,
    classified.interactions_30d,
    classified.stated_part,
    {{ rounded('classified.potential_base') }} as potential_base,
    classified.province,
    classified.city,
    classified.owner_key,
    {%- for dimension in dimensions %}
        classified.{{ dimension }},
        {{ dimension }}_labels.label_zh as {{ dimension }}_label_zh,
        {{ dimension }}_labels.label_en as {{ dimension }}_label_en,
    {%- endfor %}
    next_steps.next_step,
    next_steps.next_step_zh,
    next_steps.next_step_en
from classified
left join next_steps
    on
        classified.prospect_stage = next_steps.prospect_stage
        and classified.intent_class = next_steps.intent_class
        and classified.as_of_date >= next_steps.valid_from
        and classified.as_of_date <= coalesce(next_steps.valid_to, cast('9999-12-31' as date))
{%- for dimension in dimensions %}
    left join class_labels as {{ dimension }}_labels
        on
            {{ dimension }}_labels.dimension = '{{ dimension }}'
            and classified.{{ dimension }} = {{ dimension }}_labels.code
{%- endfor %}
