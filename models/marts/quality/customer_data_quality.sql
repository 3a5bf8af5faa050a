-- Grain: one row per living customer, on the published date: how far its data can be trusted.
with classes as (
    select * from {{ ref('int_customers__classes') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

trust as (
    select * from {{ ref('int_dq__customer_trust') }}
),

reviews as (
    select
        customer_key,
        count(*) as classes_to_review
    from {{ ref('int_dq__reviews') }}
    group by customer_key
)

select
    classes.as_of_date,
    classes.customer_key,
    classes.customer_name,
    classes.owner_key,
    trust.profile_completeness_pct,
    coalesce(trust.rules_evaluated, 0) as rules_evaluated,
    coalesce(trust.rules_failed, 0) as rules_failed,
    trust.data_trust_score,
    coalesce(reviews.classes_to_review, 0) > 0 as needs_review,
    coalesce(reviews.classes_to_review, 0) as classes_to_review
from classes
inner join run_context on classes.as_of_date = run_context.as_of_date
left join trust on classes.customer_key = trust.customer_key
left join reviews on classes.customer_key = reviews.customer_key
