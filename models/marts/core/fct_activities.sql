-- Grain: one row per call, meeting, task, visit, e-mail or sales record known and dated by the published date.
with versions as (
    select * from {{ ref('int_crm__activities') }}
),

published_records as (
    select * from {{ ref('int_customers__published_records') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
)

select
    versions.activity_key,
    coalesce(published_records.customer_key, 'unknown') as customer_key,
    versions.crm_source,
    versions.activity_type,
    versions.activity_id,
    versions.activity_date,
    versions.occurred_at,
    versions.subject,
    versions.direction,
    versions.crm_status,
    versions.result,
    versions.manner_group,
    versions.is_two_way,
    versions.duration_seconds,
    versions.contact_key,
    versions.deal_key,
    versions.lead_key,
    versions.owner_key
from versions
inner join run_context
    on
        versions.activity_date <= run_context.as_of_date
        and {{ is_known('versions', 'run_context.knowledge_date') }}
left join published_records on versions.party_key = published_records.record_key
