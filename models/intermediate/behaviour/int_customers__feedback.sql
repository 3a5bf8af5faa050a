-- Grain: one row per as_of_date × living customer: how satisfied its answers and complaints say it
-- is.
with customers as (
    select * from {{ ref('int_customers__customers') }}
    where not is_deleted
),

feedback as (
    select * from {{ ref('int_behaviour__feedback') }}
    where party_type = 'customer'
)

select
    customers.as_of_date,
    customers.customer_key,
    coalesce(feedback.answers_365d, 0) as answers_365d,
    feedback.satisfaction_score,
    coalesce(feedback.open_complaints, 0) as open_complaints,
    feedback.open_complaint_since,
    coalesce(feedback.recent_complaints, 0) as recent_complaints,
    feedback.last_feedback_date,
    coalesce(feedback.feedback_class, 'unknown') as feedback_class,
    case feedback.feedback_class
        when 'satisfied' then 'positive'
        when 'dissatisfied' then 'negative'
        when 'neutral' then 'neutral'
        else 'unknown'
    end as feedback_polarity,
    case feedback.feedback_class
        when 'satisfied' then 'high'
        when 'dissatisfied' then 'low'
        when 'neutral' then 'neutral'
        else 'unknown'
    end as satisfaction_level
from customers
left join feedback
    on
        customers.as_of_date = feedback.as_of_date
        and customers.customer_key = feedback.party_key
