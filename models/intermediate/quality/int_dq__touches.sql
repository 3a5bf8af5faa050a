-- Grain: one row per customer record or lead that an activity up to the published date names: when it
-- was first and last touched.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

activities as (
    select activities.*
    from {{ ref('int_crm__activities') }} as activities
    inner join run_context
        on
            activities.activity_date <= run_context.as_of_date
            and {{ is_known('activities', 'run_context.knowledge_date') }}
    where activities.record_kind <> 'tasks'
),

touches as (
    select
        party_key as record_key,
        occurred_at,
        activity_date,
        is_two_way
    from activities
    where party_key is not null
    union all
    select
        lead_key as record_key,
        occurred_at,
        activity_date,
        is_two_way
    from activities
    where lead_key is not null
)

select
    record_key,
    min(occurred_at) as first_touch_at,
    max(activity_date) as last_touch_date,
    max(case when is_two_way then activity_date end) as last_two_way_date
from touches
group by record_key
