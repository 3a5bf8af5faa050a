-- Grain: one row per as_of_date × living customer without a purchase: how near it is to one, with the
-- parts of the score (0 to 1 each) and the class.
with customers as (
    select * from {{ ref('int_customers__customers') }}
    where not is_deleted
),

buyers as (
    select * from {{ ref('int_customers__buyers') }}
),

signals as (
    select * from {{ ref('int_customers__prospect_signals') }}
),

behaviour as (
    select * from {{ ref('int_customers__behaviour') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

parts as (
    select
        customers.as_of_date,
        customers.customer_key,
        coalesce(signals.open_deals, 0) as open_deals,
        coalesce(signals.expected_amount_base, 0) as expected_amount_base,
        {{ rounded('coalesce(signals.best_probability_pct, 0) / 100') }} as probability_part,
        case
            when signals.qualified_leads > 0 then cast(thresholds.intent_lead_intent as double)
            else 0
        end as lead_part,
        coalesce(behaviour.interactions_30d, 0) as interactions_30d,
        coalesce(signals.is_stated, 0) as stated_part
    from customers
    inner join thresholds on customers.as_of_date = thresholds.as_of_date
    left join buyers
        on
            customers.as_of_date = buyers.as_of_date
            and customers.customer_key = buyers.customer_key
    left join signals
        on
            customers.as_of_date = signals.as_of_date
            and customers.customer_key = signals.customer_key
    left join behaviour
        on
            customers.as_of_date = behaviour.as_of_date
            and customers.customer_key = behaviour.customer_key
    where buyers.customer_key is null
),

scored as (
    select
        parts.*,
        {{ intent_score('parts') }} as intent_score
    from parts
    inner join thresholds on parts.as_of_date = thresholds.as_of_date
)

select
    scored.as_of_date,
    scored.customer_key,
    scored.open_deals,
    {{ rounded('scored.expected_amount_base') }} as expected_amount_base,
    scored.probability_part,
    scored.lead_part,
    scored.interactions_30d,
    scored.stated_part,
    scored.intent_score,
    {{ intent_class_of({'intent_score': 'scored.intent_score'}) }} as intent_class
from scored
inner join thresholds on scored.as_of_date = thresholds.as_of_date
