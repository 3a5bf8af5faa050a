-- Grain: one row per crm_source × kind of file: how old its newest usable drop is.
-- A drop that was set aside does not count: its source stays as old as the drop before.
with drop_audit as (
    select * from {{ source('raw', 'drop_audit') }}
),

-- What an archive held that cannot be opened is unknown: it may have been any kind.
unreadable as (
    select
        crm_source,
        max(export_date) as export_date
    from drop_audit
    where is_set_aside and kind like 'other:%'
    group by crm_source
),

kinds as (
    select
        crm_source,
        kind,
        max(export_date) as newest_date,
        max(case when is_accepted then export_date end) as usable_date,
        max(case when is_set_aside then export_date end) as set_aside_date
    from drop_audit
    group by crm_source, kind
)

select
    kinds.crm_source,
    kinds.kind as entity,
    newest.export_date as newest_export_date,
    newest.age_days,
    newest.expected_every_days,
    newest.mode,
    case
        when kinds.set_aside_date >= newest.export_date then 'set_aside'
        when unreadable.export_date > newest.export_date then 'set_aside'
        when newest.age_days > newest.expected_every_days then 'stale'
        else 'fresh'
    end as status,
    newest.rows_read as rows
from kinds
inner join drop_audit as newest
    on
        kinds.crm_source = newest.crm_source
        and kinds.kind = newest.kind
        and coalesce(kinds.usable_date, kinds.newest_date) = newest.export_date
left join unreadable on kinds.crm_source = unreadable.crm_source
