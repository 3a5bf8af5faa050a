-- Grain: one row per living customer × dimension, on the published date: behaviour, feedback, closeness, intent.
with facts as (
    select * from {{ ref('int_explanations__facts') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

{{ explanation_ctes(
    'behavior_class',
    behavior_class_of,
    [
        {'name': 'interactions_30d', 'type': 'int', 'at': ['thresholds.behavior_active_interactions'], 'min': '0'},
        {'name': 'interactions_90d', 'type': 'int', 'at': ['0'], 'min': '0'},
        {'name': 'age_days', 'type': 'int', 'at': ['thresholds.behavior_dormant_days'], 'min': '0'},
        {'name': 'first_purchase_date', 'type': 'text'},
        {'name': 'delivers_activities', 'type': 'flag'},
    ],
    [
        {'name': 'behavior_active_interactions', 'type': 'double'},
        {'name': 'behavior_dormant_days', 'type': 'double'},
    ]
) }},

{{ explanation_ctes(
    'feedback_class',
    feedback_class_of,
    [
        {'name': 'open_complaints', 'type': 'int', 'at': ['0'], 'min': '0'},
        {'name': 'satisfaction_score', 'type': 'double', 'at': ['cast(thresholds.feedback_satisfied_score as double)', 'cast(thresholds.feedback_dissatisfied_score as double)'], 'min': '-1'},
        {'name': 'answers_365d', 'type': 'int', 'at': ['0'], 'min': '0'},
        {'name': 'recent_complaints', 'type': 'int', 'at': ['0'], 'min': '0'},
    ],
    [
        {'name': 'feedback_satisfied_score', 'type': 'double'},
        {'name': 'feedback_dissatisfied_score', 'type': 'double'},
    ]
) }},

{{ explanation_ctes(
    'relationship_closeness',
    relationship_closeness_of,
    [
        {'name': 'tenure_days', 'type': 'int', 'at': ['thresholds.close_tenure_days'], 'min': '0'},
        {'name': 'two_way_contacts_180d', 'type': 'int', 'at': ['thresholds.close_contacts'], 'min': '0'},
        {'name': 'feedback_class', 'type': 'text'},
        {'name': 'behavior_class', 'type': 'text'},
    ],
    [
        {'name': 'close_tenure_days', 'type': 'double'},
        {'name': 'close_contacts', 'type': 'double'},
    ]
) }},

{{ explanation_ctes(
    'intent_class',
    intent_class_of,
    [
        {'name': 'intent_score', 'type': 'double', 'at': ['cast(thresholds.intent_high as double)', 'cast(thresholds.intent_medium as double)'], 'min': '0'},
        {'name': 'probability_part', 'type': 'double'},
        {'name': 'lead_part', 'type': 'double'},
        {'name': 'interactions_30d', 'type': 'int'},
        {'name': 'stated_part', 'type': 'int'},
    ],
    [
        {'name': 'intent_high', 'type': 'double'},
        {'name': 'intent_medium', 'type': 'double'},
        {'name': 'intent_probability_weight', 'type': 'double'},
        {'name': 'intent_lead_weight', 'type': 'double'},
        {'name': 'intent_interactions_weight', 'type': 'double'},
        {'name': 'intent_stated_weight', 'type': 'double'},
        {'name': 'intent_full_interactions', 'type': 'double'},
    ]
) }}

{% for dimension in [
    'behavior_class',
    'feedback_class',
    'relationship_closeness',
    'intent_class',
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
