-- Grain: one row per exported exchange rate row that differs from the export before,
-- and one per deletion found between full drops (_is_deleted).
with source as (
    select * from {{ source('raw', 'exchange_rates') }}
),

typed as (
    select
        *,
        {{ as_date('rate_date') }} as rate_date_typed,
        {{ as_number('rate') }} as rate_typed
    from source
),

final as (
    select
        _source as crm_source,
        _kind as record_kind,
        _record_id,
        currency,
        base_currency,
        rate_date_typed as rate_date,
        rate_typed as rate,
        _source,
        _kind,
        _file as _source_file,
        _row_number as _source_row_number,
        _export_date,
        _revision,
        _content_hash,
        _is_deleted,
        _row_text,
        _extra,
        {{ cast_errors([
            'rate_date',
            'rate',
        ]) }} as _cast_errors,
        case
            when _is_deleted then null
            when _row_error is not null then 'structure'
            when _record_id is null then 'record_id'
            when _duplicate_of_row is not null then 'duplicate'
            when rate_date is not null and rate_date_typed is null then 'rate_date'
            when rate_date is null then 'rate_date'
            when coalesce(rate_typed, 0) <= 0 then 'rate'
        end as _quarantine_reason,
        _row_error,
        _duplicate_of_row
    from typed
)

select * from final
