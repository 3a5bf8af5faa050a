-- Grain: one row per living customer × nominal dimension, on the published date: what the class was
-- read from. No number changes it.
{%- set dimensions = {
    'satisfaction_level': [
        {'name': 'feedback_class', 'type': 'text'},
    ],
    'feedback_polarity': [
        {'name': 'feedback_class', 'type': 'text'},
    ],
    'primary_need': [
        {'name': 'primary_need', 'type': 'text'},
    ],
    'need_kind': [
        {'name': 'need_kind', 'type': 'text'},
    ],
    'preferred_channel': [
        {'name': 'main_manner', 'type': 'text'},
    ],
    'decision_power': [
        {'name': 'decision_power', 'type': 'text'},
    ],
    'customer_type': [
        {'name': 'customer_type', 'type': 'text'},
    ],
    'company_size': [
        {'name': 'industry', 'type': 'text'},
        {'name': 'employees', 'type': 'double'},
        {'name': 'annual_revenue', 'type': 'double'},
    ],
    'industry': [
        {'name': 'industry_crm', 'type': 'text'},
    ],
    'market': [
        {'name': 'country_crm', 'type': 'text'},
        {'name': 'province_crm', 'type': 'text'},
        {'name': 'city_crm', 'type': 'text'},
    ],
    'city_tier': [
        {'name': 'province_crm', 'type': 'text'},
        {'name': 'city_crm', 'type': 'text'},
    ],
    'region': [
        {'name': 'province_crm', 'type': 'text'},
        {'name': 'city_crm', 'type': 'text'},
    ],
    'north_south': [
        {'name': 'province_crm', 'type': 'text'},
        {'name': 'city_crm', 'type': 'text'},
    ],
    'behavior_channel': [
        {'name': 'online_interactions', 'type': 'int'},
        {'name': 'offline_interactions', 'type': 'int'},
    ],
    'source_channel': [
        {'name': 'source_channel_crm', 'type': 'text'},
    ],
    'occupation': [
        {'name': 'occupation', 'type': 'text'},
    ],
    'age_band': [
        {'name': 'birth_date', 'type': 'text'},
    ],
} %}
with facts as (
    select * from {{ ref('int_explanations__facts') }}
)

{% for dimension, inputs in dimensions.items() %}
    select
        facts.as_of_date,
        facts.customer_key,
        '{{ dimension }}' as dimension,
        facts.{{ dimension }} as value,
        {{ json_object_of(inputs, 'facts') }} as inputs,
        '{}' as threshold,
        cast(null as double) as distance_to_next,
        cast(null as string) as next_input,
        cast(null as string) as next_value
    from facts
    where facts.{{ dimension }} <> 'not_applicable'
    {{ 'union all' if not loop.last }}
{% endfor %}
