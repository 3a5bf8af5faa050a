-- Grain: one row per email event row dated by the published date; customer_key is 'unknown' where
-- it names no known record.
with versions as (
    select * from {{ ref('int_crm__email_events') }}
),

published_records as (
    select * from {{ ref('int_customers__published_records') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
)

select
    versions.email_event_key,
    coalesce(published_records.customer_key, 'unknown') as customer_key,
    versions.crm_source,
    versions.record_kind,
    versions.email_event_id,
    versions.occurred_at,
    versions.event,
    versions.campaign_id,
    versions.campaign_name,
    versions.subject
from versions
inner join run_context
    on
        versions.occurred_date <= run_context.as_of_date
        and {{ is_known('versions', 'run_context.knowledge_date') }}
left join published_records on versions.party_key = published_records.record_key
