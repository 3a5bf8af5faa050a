-- Grain: one row per campaign version.
with {{ record_versions(ref('stg_crm__campaigns')) }}

select
    {{ record_key('campaigns', 'versions._record_id', 'versions._source') }} as campaign_key,
    versions._source as crm_source,
    versions._record_id as campaign_id,
    versions.name as campaign_name,
    versions.campaign_type,
    versions.status as crm_status,
    versions.start_date,
    versions.end_date,
    cast(versions.budgeted_cost as decimal(18, 2)) as budgeted_cost_doc,
    cast(versions.actual_cost as decimal(18, 2)) as actual_cost_doc,
    versions.sent_count,
    versions.currency,
    versions.valid_from,
    versions.valid_to
from versions
