-- Grain: one row per exported e-mail event row that differs from the export before,
-- and one per deletion found between full drops (_is_deleted).
with source as (
    select * from {{ source('raw', 'email_events') }}
),

typed as (
    select
        *,
        {{ as_timestamp('occurred_at') }} as occurred_at_typed
    from source
),

final as (
    select
        _source as crm_source,
        _kind as record_kind,
        _record_id,
        crm_source as feed_crm_source,
        record_id as feed_record_id,
        email,
        campaign_id,
        campaign_name,
        event,
        subject,
        occurred_at_typed as occurred_at,
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
            'occurred_at',
        ]) }} as _cast_errors,
        case
            when _is_deleted then null
            when _row_error is not null then 'structure'
            when _record_id is null then 'record_id'
            when _duplicate_of_row is not null then 'duplicate'
            when occurred_at is not null and occurred_at_typed is null then 'occurred_at'
            when occurred_at is null then 'occurred_at'
        end as _quarantine_reason,
        _row_error,
        _duplicate_of_row
    from typed
)

select * from final
