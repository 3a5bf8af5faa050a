-- Grain: one row per living customer, on the published date: every class with its labels.
{%- set dimensions = [
    'rfm_class', 'abc_tier', 'relationship_stage', 'customer_status', 'prospect_stage',
    'value_class', 'frequency_class', 'behavior_class', 'purchasing_power', 'loyalty_class',
    'feedback_class', 'satisfaction_level', 'primary_need', 'purchase_channel',
    'preferred_channel', 'relationship_closeness', 'decision_power', 'intent_class',
    'customer_type', 'company_size', 'industry', 'market', 'city_tier', 'region', 'north_south',
    'behavior_channel', 'source_channel', 'feedback_polarity', 'need_kind',
    'age_band',
] %}
with classes as (
    select * from {{ ref('int_customers__classes') }}
),

trust as (
    select * from {{ ref('int_dq__customer_trust') }}
),

reviewed as (
    select distinct customer_key from {{ ref('int_dq__reviews') }}
),

class_labels as (
    select * from {{ ref('class_labels') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
)

select
    classes.as_of_date,
    classes.customer_key,
    classes.customer_name,
    classes.owner_key,
    classes.rfm_code,
    {%- for dimension in dimensions %}
        classes.{{ dimension }},
        {{ dimension }}_labels.label_zh as {{ dimension }}_label_zh,
        {{ dimension }}_labels.label_en as {{ dimension }}_label_en,
    {%- endfor %}
    classes.occupation,
    classes.is_new_customer,
    is_new_customer_labels.label_zh as is_new_customer_label_zh,
    is_new_customer_labels.label_en as is_new_customer_label_en,
    trust.data_trust_score,
    reviewed.customer_key is not null as needs_review
from classes
inner join run_context on classes.as_of_date = run_context.as_of_date
left join trust on classes.customer_key = trust.customer_key
left join reviewed on classes.customer_key = reviewed.customer_key
{%- for dimension in dimensions %}
    left join class_labels as {{ dimension }}_labels
        on
            {{ dimension }}_labels.dimension = '{{ dimension }}'
            and classes.{{ dimension }} = {{ dimension }}_labels.code
{%- endfor %}
left join class_labels as is_new_customer_labels
    on
        is_new_customer_labels.dimension = 'is_new_customer'
        and is_new_customer_labels.code = case
            when classes.is_new_customer then 'true'
            when classes.customer_status = 'prospect' then 'not_applicable'
            else 'false'
        end
