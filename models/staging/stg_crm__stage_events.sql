-- Grain: one row per exported deal stage history row that differs from the export before,
-- and one per deletion found between full drops (_is_deleted).
with source as (
    select * from {{ source('raw', 'stage_events') }}
),

typed as (
    select
        *,
        {{ as_number('amount') }} as amount_typed,
        {{ as_number('probability') }} as probability_typed,
        {{ as_number('expected_revenue') }} as expected_revenue_typed,
        {{ as_date('close_date') }} as close_date_typed,
        {{ as_timestamp('modified_at') }} as modified_at_typed
    from source
),

final as (
    select
        _source as crm_source,
        _kind as record_kind,
        _record_id,
        deal_id,
        stage,
        amount_typed as amount,
        probability_typed as probability,
        expected_revenue_typed as expected_revenue,
        close_date_typed as close_date,
        modified_by_id,
        modified_by_name,
        modified_at_typed as modified_at,
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
            'amount',
            'probability',
            'expected_revenue',
            'close_date',
            'modified_at',
        ]) }} as _cast_errors,
        case
            when _is_deleted then null
            when _row_error is not null then 'structure'
            when _record_id is null then 'record_id'
            when _duplicate_of_row is not null then 'duplicate'
            when modified_at is not null and modified_at_typed is null then 'modified_at'
            when modified_at is null then 'modified_at'
        end as _quarantine_reason,
        _row_error,
        _duplicate_of_row
    from typed
)

select * from final
