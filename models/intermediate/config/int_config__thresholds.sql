-- Grain: one row per as_of_date, the thresholds in force on it as columns.
{%- set parameters = [
    'abc_a_share_pct', 'abc_b_share_pct', 'default_cadence_days', 'decline_cadence_factor',
    'decline_min_days', 'decline_amount_ratio', 'decline_min_prior_days',
    'exploration_tenure_days', 'maturity_purchase_days', 'maturity_tenure_days',
    'maturity_cadence_factor', 'churn_min_days', 'churn_cadence_factor', 'new_tenure_days',
    'growth_amount_ratio', 'growth_min_days', 'half_period_days', 'loyal_purchase_days',
    'loyal_recency_days',
    'behavior_active_interactions', 'behavior_active_days', 'behavior_dormant_days',
    'close_tenure_days', 'close_contacts', 'close_contacts_days', 'preferred_min_attempts',
    'frequent_contacts', 'feedback_window_days', 'feedback_half_life_days',
    'feedback_satisfied_score', 'feedback_dissatisfied_score', 'csat_satisfied_score',
    'csat_dissatisfied_score', 'nps_promoter_score', 'nps_detractor_score',
    'rfm_split_recency_days', 'rfm_split_frequency', 'rfm_split_monetary_base',
    'abc_index_amount_weight', 'abc_index_frequency_weight', 'abc_index_a', 'abc_index_b',
    'frequency_high_days', 'frequency_medium_days', 'frequency_low_days', 'loyalty_repeat_weight',
    'loyalty_tenure_weight', 'loyalty_alive_weight', 'loyalty_satisfaction_weight',
    'loyalty_tenure_cap_days', 'loyalty_high', 'value_monetary_weight', 'value_clv_weight',
    'value_loyalty_weight', 'value_high', 'value_medium', 'intent_probability_weight',
    'intent_lead_weight', 'intent_interactions_weight', 'intent_stated_weight',
    'intent_full_interactions', 'intent_high', 'intent_medium', 'intent_stage_score',
    'intent_lead_prospect', 'intent_lead_intent',
    'clv_monthly_discount_pct', 'clv_min_repeat_customers',
    'klaviyo_recent_days', 'klaviyo_lapsing_days',
    'kpi_churn_days',
    'cadence_min_purchase_days', 'exploration_purchase_days', 'growth_min_prior_days',
    'kpi_repurchase_days',
] %}
with run_context as (
    select * from {{ source('raw', 'run_context') }}
),

class_thresholds as (
    select * from {{ ref('class_thresholds') }}
)

select
    run_context.as_of_date,
    {%- for parameter in parameters %}
        max(
            case
                when class_thresholds.parameter = '{{ parameter }}' then class_thresholds.value
            end
        )
            as {{ parameter }},
    {%- endfor %}
    max(class_thresholds.rule_version) as rule_version
from run_context
inner join class_thresholds
    on
        run_context.as_of_date >= class_thresholds.valid_from
        and (
            class_thresholds.valid_to is null
            or run_context.as_of_date <= class_thresholds.valid_to
        )
group by run_context.as_of_date
