-- Grain: one row per customer with a two-way contact by the published date.
with activities as (
    select * from {{ ref('int_crm__activities') }}
    where is_two_way
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

source_map as (
    select * from {{ ref('int_customers__source_map') }}
)

select
    source_map.customer_key,
    max(activities.activity_date) as last_contact_date,
    count(*) as contacts
from activities
inner join run_context
    on
        activities.activity_date <= run_context.as_of_date
        and {{ is_known('activities', 'run_context.knowledge_date') }}
inner join source_map on activities.party_key = source_map.record_key
group by source_map.customer_key
