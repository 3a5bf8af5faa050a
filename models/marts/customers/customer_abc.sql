-- Grain: one row per customer with a purchase, on the published date.
-- The previous tier and the day of the change come from the changes noted up to that date: of days long
-- gone the history keeps month ends alone.
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

-- The changes of the published date itself are found once its classes are there.
date_before as (
    select max(history.as_of_date) as as_of_date
    from history
    inner join run_context on history.as_of_date < run_context.as_of_date
),

changes as (
    select * from {{ source('raw', 'tier_changes') }}
    union all
    select
        run_context.as_of_date,
        classes.customer_key,
        history.abc_tier as from_tier,
        classes.abc_tier as to_tier
    from classes
    inner join run_context on classes.as_of_date = run_context.as_of_date
    inner join history on classes.customer_key = history.customer_key
    inner join date_before on history.as_of_date = date_before.as_of_date
    where history.abc_tier <> classes.abc_tier
),

other_tiers as (
    select
        changes.customer_key,
        classes.abc_tier,
        max_by(changes.from_tier, changes.as_of_date) as abc_tier_previous,
        max(changes.as_of_date) as left_on
    from changes
    inner join classes on changes.customer_key = classes.customer_key
    inner join run_context on classes.as_of_date = run_context.as_of_date
    where changes.from_tier <> classes.abc_tier and changes.from_tier <> 'not_applicable'
    group by changes.customer_key, classes.abc_tier
),

since as (
    select
        other_tiers.customer_key,
        other_tiers.abc_tier_previous,
        min(changes.as_of_date) as abc_changed_on
    from other_tiers
    inner join changes
        on
            other_tiers.customer_key = changes.customer_key
            and other_tiers.abc_tier = changes.to_tier
            and other_tiers.left_on <= changes.as_of_date
    group by other_tiers.customer_key, other_tiers.abc_tier_previous
)

select
    abc.as_of_date,
    abc.customer_key,
    cast(abc.monetary_base as decimal(18, 2)) as monetary_base,
    abc.share_before,
    abc.value_index_pct,
    abc.abc_tier_raw,
    classes.abc_tier,
    since.abc_tier_previous,
    since.abc_changed_on,
    service_policy.revisit_interval_days,
    service_policy.response_hours,
    service_policy.has_dedicated_owner,
    service_policy.channel as service_channel
from abc
inner join run_context on abc.as_of_date = run_context.as_of_date
inner join classes
    on abc.as_of_date = classes.as_of_date and abc.customer_key = classes.customer_key
left join since on abc.customer_key = since.customer_key
left join service_policy
    on
        classes.abc_tier = service_policy.abc_tier
        and abc.as_of_date >= service_policy.valid_from
        and abc.as_of_date <= coalesce(service_policy.valid_to, cast('9999-12-31' as date))
