-- Grain: one row per living customer × dimension that applies to it, on the published date.
with explanations as (
    select * from {{ ref('int_explanations__lifecycle') }}
    union all
    select * from {{ ref('int_explanations__value') }}
    union all
    select * from {{ ref('int_explanations__behaviour') }}
    union all
    select * from {{ ref('int_explanations__nominal') }}
),

reviews as (
    select * from {{ ref('int_dq__reviews') }}
),

class_rules as (
    select * from {{ ref('class_rules') }}
)

select
    explanations.as_of_date,
    explanations.customer_key,
    explanations.dimension,
    explanations.value,
    class_rules.rule_id,
    class_rules.rule_version,
    explanations.inputs,
    explanations.threshold,
    explanations.distance_to_next,
    explanations.next_input,
    explanations.next_value,
    reviews.customer_key is not null as needs_review
from explanations
inner join class_rules
    on
        explanations.dimension = class_rules.dimension
        and explanations.as_of_date >= class_rules.valid_from
        and explanations.as_of_date <= coalesce(class_rules.valid_to, cast('9999-12-31' as date))
left join reviews
    on
        explanations.customer_key = reviews.customer_key
        and explanations.dimension = reviews.dimension
