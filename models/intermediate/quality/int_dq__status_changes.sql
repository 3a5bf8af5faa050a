-- Grain: one row per lead or deal that changed its status or stage between two exports, or by a stage
-- history, up to the published date: the day of the last change.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

versions as (
    select
        lead_key as record_key,
        crm_status as status,
        is_converted as is_done,
        valid_from
    from {{ ref('int_crm__leads') }}
    union all
    select
        deal_key as record_key,
        crm_stage as status,
        stage in ('won', 'lost') as is_done,
        valid_from
    from {{ ref('int_crm__deals') }}
),

compared as (
    select
        versions.*,
        lag(versions.status) over earlier as earlier_status,
        lag(versions.is_done) over earlier as was_done,
        lag(versions.valid_from) over earlier as earlier_from
    from versions
    inner join run_context on versions.valid_from <= run_context.knowledge_date
    window earlier as (partition by versions.record_key order by versions.valid_from nulls last)
),

changes as (
    select
        record_key,
        valid_from as changed_date
    from compared
    where
        earlier_from is not null
        and (
            coalesce(status, '') <> coalesce(earlier_status, '')
            or coalesce(is_done, false) <> coalesce(was_done, false)
        )
    union all
    select
        stage_events.deal_key as record_key,
        stage_events.left_date as changed_date
    from {{ ref('int_crm__stage_events') }} as stage_events
    inner join run_context
        on
            stage_events.left_date <= run_context.as_of_date
            and {{ is_known('stage_events', 'run_context.knowledge_date') }}
    union all
    select
        deals.deal_key as record_key,
        deals.stage_changed_date as changed_date
    from {{ ref('int_crm__deals') }} as deals
    inner join run_context
        on
            deals.stage_changed_date <= run_context.as_of_date
            and {{ is_known('deals', 'run_context.knowledge_date') }}
)

select
    record_key,
    max(changed_date) as changed_date
from changes
where record_key is not null
group by record_key
