-- Grain: one row per as_of_date × living customer: how close the relationship is.
-- Where no activities are delivered, the data do not say.
with lifecycle as (
    select * from {{ ref('int_customers__lifecycle') }}
),

behaviour as (
    select * from {{ ref('int_customers__behaviour') }}
),

feedback as (
    select * from {{ ref('int_customers__feedback') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
)

select
    lifecycle.as_of_date,
    lifecycle.customer_key,
    lifecycle.tenure_days,
    behaviour.two_way_contacts_180d,
    {{ relationship_closeness_of({
        'behavior_class': 'behaviour.behavior_class',
        'tenure_days': 'lifecycle.tenure_days',
        'two_way_contacts_180d': 'behaviour.two_way_contacts_180d',
        'feedback_class': 'feedback.feedback_class',
    }) }} as relationship_closeness
from lifecycle
inner join thresholds on lifecycle.as_of_date = thresholds.as_of_date
inner join behaviour
    on
        lifecycle.as_of_date = behaviour.as_of_date
        and lifecycle.customer_key = behaviour.customer_key
inner join feedback
    on
        lifecycle.as_of_date = feedback.as_of_date
        and lifecycle.customer_key = feedback.customer_key
