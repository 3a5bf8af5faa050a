-- Grain: one row per crm_source × kind with money: do the typed amounts, loaded and quarantined, add
-- up to the numeric amounts in the raw text, to the cent?
-- The raw side reads numbers by another way (separators and currency signs taken out by pattern).
with staged as (
    select
        _source as crm_source,
        _kind as record_kind,
        sum(grand_total) filter (where _quarantine_reason is null) as loaded_total,
        sum(grand_total) filter (where _quarantine_reason is not null) as quarantined_total
    from {{ ref('stg_crm__orders') }}
    group by _source, _kind
),

exported as (
    select
        _source as crm_source,
        _kind as record_kind,
        sum({{ plain_number('grand_total') }}) as exported_total
    from {{ source('raw', 'orders') }}
    group by _source, _kind
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
)

select
    run_context.as_of_date,
    exported.crm_source,
    'amounts' as entity,
    exported.record_kind,
    exported.record_kind as record_id,
    cast(null as string) as owner_key,
    coalesce(staged.loaded_total, 0) + coalesce(staged.quarantined_total, 0)
    <> coalesce(exported.exported_total, 0) as str_011,
    cast(
        coalesce(exported.exported_total, 0)
        - coalesce(staged.loaded_total, 0)
        - coalesce(staged.quarantined_total, 0)
        as string
    ) as str_011_value
from exported
cross join run_context
left join staged
    on
        exported.crm_source = staged.crm_source
        and exported.record_kind = staged.record_kind
