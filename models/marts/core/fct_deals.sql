-- Grain: one row per deal known and dated by the published date.
with versions as (
    select * from {{ ref('int_crm__deals') }}
),

published_records as (
    select * from {{ ref('int_customers__published_records') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
)

select
    versions.deal_key,
    coalesce(published_records.customer_key, 'unknown') as customer_key,
    versions.crm_source,
    versions.deal_id,
    versions.deal_name,
    versions.stage,
    versions.crm_stage,
    versions.amount_base,
    versions.amount_doc,
    versions.currency,
    versions.probability,
    versions.created_date,
    versions.close_date,
    versions.loss_reason,
    versions.product_name,
    versions.source_channel_group,
    versions.contact_key,
    versions.lead_key,
    versions.owner_key,
    versions.stage = 'won' as is_won,
    versions.stage = 'lost' as is_lost,
    versions.stage not in ('won', 'lost') as is_open
from versions
inner join run_context
    on
        coalesce(versions.created_date, versions.valid_from) <= run_context.as_of_date
        and {{ is_known('versions', 'run_context.knowledge_date') }}
left join published_records on versions.party_key = published_records.record_key
