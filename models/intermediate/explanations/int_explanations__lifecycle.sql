-- Grain: one row per living customer × dimension, on the published date: stage, status and prospect stage.
{#- What a first purchase would bring depends on inputs that a prospect does not have yet. -#}
{%- set some_purchase = 'case when judged.purchase_days > 0 then 1 else 0 end' -%}
{%- set buyers_only = 'case when judged.purchase_days > 0 then 1e9 else 0 end' %}
with facts as (
    select * from {{ ref('int_explanations__facts') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

{{ explanation_ctes(
    'relationship_stage',
    relationship_stage_of,
    [
        {'name': 'purchase_days', 'type': 'int', 'at': ['thresholds.exploration_purchase_days', 'thresholds.maturity_purchase_days', '0'], 'min': some_purchase, 'max': buyers_only},
        {'name': 'tenure_days', 'type': 'int', 'at': ['thresholds.exploration_tenure_days', 'thresholds.maturity_tenure_days'], 'min': '0'},
        {'name': 'recency_days', 'type': 'int', 'at': ['greatest(cast(thresholds.decline_cadence_factor as double) * facts.cadence_days, cast(thresholds.decline_min_days as double))', 'cast(thresholds.maturity_cadence_factor as double) * facts.cadence_days'], 'min': '0'},
        {'name': 'cadence_days', 'type': 'double', 'at': ['facts.recency_days / cast(nullif(thresholds.decline_cadence_factor, 0) as double)', 'facts.recency_days / cast(nullif(thresholds.maturity_cadence_factor, 0) as double)'], 'min': '0'},
        {'name': 'recent_base', 'type': 'money', 'at': ['cast(thresholds.decline_amount_ratio as double) * cast(facts.prior_base as double)']},
        {'name': 'prior_base', 'type': 'money', 'at': ['cast(facts.recent_base as double) / cast(nullif(thresholds.decline_amount_ratio, 0) as double)', '0']},
        {'name': 'prior_purchase_days', 'type': 'int', 'at': ['thresholds.decline_min_prior_days'], 'min': '0'},
        {'name': 'open_deals', 'type': 'int', 'at': ['0'], 'min': '0'},
        {'name': 'two_way_contacts', 'type': 'int', 'at': ['0'], 'min': '0'},
    ],
    [
        {'name': 'decline_cadence_factor', 'type': 'double'},
        {'name': 'decline_min_days', 'type': 'double'},
        {'name': 'decline_amount_ratio', 'type': 'double'},
        {'name': 'decline_min_prior_days', 'type': 'double'},
        {'name': 'exploration_purchase_days', 'type': 'double'},
        {'name': 'exploration_tenure_days', 'type': 'double'},
        {'name': 'maturity_purchase_days', 'type': 'double'},
        {'name': 'maturity_tenure_days', 'type': 'double'},
        {'name': 'maturity_cadence_factor', 'type': 'double'},
    ]
) }},

{{ explanation_ctes(
    'customer_status',
    customer_status_of,
    [
        {'name': 'purchase_days', 'type': 'int', 'at': ['0', 'thresholds.exploration_purchase_days'], 'min': some_purchase, 'max': buyers_only},
        {'name': 'recency_days', 'type': 'int', 'at': ['greatest(cast(thresholds.churn_min_days as double), cast(thresholds.churn_cadence_factor as double) * facts.cadence_days)', 'greatest(cast(thresholds.decline_cadence_factor as double) * facts.cadence_days, cast(thresholds.decline_min_days as double))'], 'min': '0'},
        {'name': 'cadence_days', 'type': 'double', 'at': ['facts.recency_days / cast(nullif(thresholds.churn_cadence_factor, 0) as double)', 'facts.recency_days / cast(nullif(thresholds.decline_cadence_factor, 0) as double)'], 'min': '0'},
        {'name': 'tenure_days', 'type': 'int', 'at': ['thresholds.new_tenure_days'], 'min': '0'},
        {'name': 'recent_base', 'type': 'money', 'at': ['cast(thresholds.decline_amount_ratio as double) * cast(facts.prior_base as double)', 'cast(thresholds.growth_amount_ratio as double) * cast(facts.prior_base as double)']},
        {'name': 'prior_base', 'type': 'money', 'at': ['cast(facts.recent_base as double) / cast(nullif(thresholds.decline_amount_ratio, 0) as double)', 'cast(facts.recent_base as double) / cast(nullif(thresholds.growth_amount_ratio, 0) as double)', '0']},
        {'name': 'recent_purchase_days', 'type': 'int', 'at': ['thresholds.growth_min_days'], 'min': '0'},
        {'name': 'prior_purchase_days', 'type': 'int', 'at': ['thresholds.growth_min_prior_days', 'thresholds.decline_min_prior_days'], 'min': '0'},
        {'name': 'open_deals', 'type': 'int'},
        {'name': 'two_way_contacts', 'type': 'int'},
    ],
    [
        {'name': 'churn_min_days', 'type': 'double'},
        {'name': 'churn_cadence_factor', 'type': 'double'},
        {'name': 'new_tenure_days', 'type': 'double'},
        {'name': 'decline_cadence_factor', 'type': 'double'},
        {'name': 'decline_min_days', 'type': 'double'},
        {'name': 'decline_amount_ratio', 'type': 'double'},
        {'name': 'decline_min_prior_days', 'type': 'double'},
        {'name': 'growth_amount_ratio', 'type': 'double'},
        {'name': 'growth_min_days', 'type': 'double'},
        {'name': 'growth_min_prior_days', 'type': 'double'},
    ]
) }},

{{ explanation_ctes(
    'prospect_stage',
    prospect_stage_of,
    [
        {'name': 'window_purchase_days', 'type': 'int', 'at': ['thresholds.loyal_purchase_days'], 'min': '0'},
        {'name': 'recency_days', 'type': 'int', 'at': ['thresholds.loyal_recency_days'], 'min': '0'},
        {'name': 'purchase_days', 'type': 'int', 'at': ['0'], 'min': some_purchase},
        {'name': 'open_deals', 'type': 'int', 'at': ['0'], 'min': '0'},
        {'name': 'qualified_leads', 'type': 'int', 'at': ['0'], 'min': '0'},
        {'name': 'intent_score', 'type': 'double', 'at': ['cast(thresholds.intent_stage_score as double)'], 'min': '0'},
    ],
    [
        {'name': 'loyal_purchase_days', 'type': 'double'},
        {'name': 'loyal_recency_days', 'type': 'double'},
        {'name': 'intent_stage_score', 'type': 'double'},
    ]
) }}

{% for dimension in [
    'relationship_stage',
    'customer_status',
    'prospect_stage',
] %}
    select
        as_of_date,
        customer_key,
        dimension,
        value,
        inputs,
        threshold,
        distance_to_next,
        next_input,
        next_value
    from {{ dimension }}_explained
    {{ 'union all' if not loop.last }}
{% endfor %}
