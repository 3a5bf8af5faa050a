-- Grain: one row per living customer × dimension, on the published date: tiers, RFM class, value, loyalty, frequency, power, purchase channel.
with facts as (
    select * from {{ ref('int_explanations__facts') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

{{ explanation_ctes(
    'rfm_class',
    rfm_class_of,
    [
        {'name': 'recency_days', 'type': 'int', 'at': ['facts.recency_max'], 'min': '0'},
        {'name': 'frequency', 'type': 'int', 'at': ['facts.frequency_min'], 'min': '0'},
        {'name': 'rfm_monetary_base', 'type': 'money', 'at': ['cast(facts.monetary_min as double)']},
        {'name': 'recency_max', 'type': 'int'},
        {'name': 'frequency_min', 'type': 'int'},
        {'name': 'monetary_min', 'type': 'money'},
    ],
    [
    ]
) }},

{{ explanation_ctes(
    'abc_tier',
    abc_tier_of,
    [
        {'name': 'monetary_base', 'type': 'money', 'at': ['cast(facts.a_min as double)', 'cast(facts.b_min as double)', '0']},
        {'name': 'a_min', 'type': 'money'},
        {'name': 'b_min', 'type': 'money'},
        {'name': 'held_tier', 'type': 'text'},
    ],
    [
    ]
) }},

{{ explanation_ctes(
    'value_class',
    value_class_of,
    [
        {'name': 'value_score', 'type': 'double', 'at': ['cast(thresholds.value_high as double)', 'cast(thresholds.value_medium as double)'], 'min': '0'},
        {'name': 'monetary_pct', 'type': 'double'},
        {'name': 'clv_pct', 'type': 'double'},
        {'name': 'loyalty_score', 'type': 'double'},
    ],
    [
        {'name': 'value_high', 'type': 'double'},
        {'name': 'value_medium', 'type': 'double'},
        {'name': 'value_monetary_weight', 'type': 'double'},
        {'name': 'value_clv_weight', 'type': 'double'},
        {'name': 'value_loyalty_weight', 'type': 'double'},
    ]
) }},

{{ explanation_ctes(
    'loyalty_class',
    loyalty_class_of,
    [
        {'name': 'loyalty_score', 'type': 'double', 'at': ['cast(thresholds.loyalty_high as double)'], 'min': '0'},
    ],
    [
        {'name': 'loyalty_high', 'type': 'double'},
    ]
) }},

{{ explanation_ctes(
    'frequency_class',
    frequency_class_of,
    [
        {'name': 'window_purchase_days', 'type': 'int', 'at': ['thresholds.frequency_high_days', 'thresholds.frequency_medium_days', 'thresholds.frequency_low_days'], 'min': '0'},
    ],
    [
        {'name': 'frequency_high_days', 'type': 'double'},
        {'name': 'frequency_medium_days', 'type': 'double'},
        {'name': 'frequency_low_days', 'type': 'double'},
    ]
) }},

{{ explanation_ctes(
    'purchasing_power',
    purchasing_power_of,
    [
        {'name': 'average_order_base', 'type': 'double', 'at': ['facts.median_order_base']},
        {'name': 'median_order_base', 'type': 'double'},
        {'name': 'power_of_size', 'type': 'text'},
    ],
    [
    ]
) }},

{{ explanation_ctes(
    'purchase_channel',
    purchase_channel_of,
    [
        {'name': 'window_online_base', 'type': 'money', 'at': ['cast(facts.window_offline_base as double)'], 'min': '0'},
        {'name': 'window_offline_base', 'type': 'money', 'at': ['cast(facts.window_online_base as double)'], 'min': '0'},
        {'name': 'is_online_last', 'type': 'flag'},
    ],
    [
    ]
) }}

{% for dimension in [
    'rfm_class',
    'abc_tier',
    'value_class',
    'loyalty_class',
    'frequency_class',
    'purchasing_power',
    'purchase_channel',
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
