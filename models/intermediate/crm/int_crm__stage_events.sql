-- Grain: one row per exported stage history row, newest version: the deal left that stage then.
with {{ record_versions(ref('stg_crm__stage_events')) }},

enum_map as (
    select * from {{ ref('int_config__enum_map') }}
)

select
    {{ record_key('stage_history', 'versions._record_id', 'versions._source') }} as stage_event_key,
    versions._source as crm_source,
    {{ record_key('deals', 'versions.deal_id', 'versions._source') }} as deal_key,
    versions.stage as crm_stage,
    coalesce(deal_stage.value, 'unknown') as stage,
    cast(versions.modified_at as date) as left_date,
    versions.modified_at as left_at,
    cast(versions.amount as decimal(18, 2)) as amount_doc,
    versions.valid_from,
    versions.valid_to
from versions
left join enum_map as deal_stage
    on
        versions._source = deal_stage.crm_source
        and deal_stage.enum = 'deal_stage'
        and {{ folded('versions.stage') }} = deal_stage.raw_value_key
