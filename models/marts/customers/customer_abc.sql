-- Grain: one row per customer with a purchase, on the published date.
-- The previous tier and the day of the change come from the history up to that date.
with abc as (
    select * from {{ ref('int_customers__abc') }}
),

classes as (
    select * from {{ ref('int_customers__classes') }}
),

history as (
    select * from {{ ref('customer_classification_history') }}
),

service_policy as (
    select * from {{ ref('service_policy') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

tier_days as (
    select
        history.customer_key,
        history.abc_tier,
        min(history.as_of_date) as first_date,
        max(history.as_of_date) as last_date
    from history
    inner join run_context on history.as_of_date <= run_context.as_of_date
    where history.abc_tier <> 'not_applicable'
    group by history.customer_key, history.abc_tier
),

other_tiers as (
    select
        tier_days.customer_key,
        max_by(tier_days.abc_tier, tier_days.last_date) as abc_tier_previous,
        max(tier_days.last_date) as last_other_date
    from tier_days
    inner join classes on tier_days.customer_key = classes.customer_key
    inner join run_context on classes.as_of_date = run_context.as_of_date
    where tier_days.abc_tier <> classes.abc_tier
    group by tier_days.customer_key
),

changes as (
    select
        history.customer_key,
        other_tiers.abc_tier_previous,
        min(history.as_of_date) as abc_changed_on
    from history
    inner join other_tiers on history.customer_key = other_tiers.customer_key
    inner join run_context on history.as_of_date <= run_context.as_of_date
    where history.as_of_date > other_tiers.last_other_date
    group by history.customer_key, other_tiers.abc_tier_previous
)

select
    abc.as_of_date,
    abc.customer_key,
    cast(abc.monetary_base as decimal(18, 2)) as monetary_base,
    abc.share_before,
    abc.value_index_pct,
    abc.abc_tier_raw,
    classes.abc_tier,
    changes.abc_tier_previous,
    changes.abc_changed_on,
    service_policy.revisit_interval_days,
    service_policy.response_hours,
    service_policy.has_dedicated_owner,
    service_policy.channel as service_channel
from abc
inner join run_context on abc.as_of_date = run_context.as_of_date
inner join classes
    on abc.as_of_date = classes.as_of_date and abc.customer_key = classes.customer_key
left join changes on abc.customer_key = changes.customer_key
left join service_policy
    on
        classes.abc_tier = service_policy.abc_tier
        and abc.as_of_date >= service_policy.valid_from
        and abc.as_of_date <= coalesce(service_policy.valid_to, cast('9999-12-31' as date))
