-- Grain: one row per exported web session row that differs from the export before,
-- and one per deletion found between full drops (_is_deleted).
with source as (
    select * from {{ source('raw', 'web_sessions') }}
),

typed as (
    select
        *,
        {{ as_timestamp('started_at') }} as started_at_typed,
        {{ as_timestamp('ended_at') }} as ended_at_typed,
        {{ as_number('page_views') }} as page_views_typed
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
        phone,
        started_at_typed as started_at,
        ended_at_typed as ended_at,
        event,
        page_views_typed as page_views,
        landing_page,
        medium,
        referrer,
        campaign_name,
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
            'started_at',
            'ended_at',
            'page_views',
        ]) }} as _cast_errors,
        case
            when _is_deleted then null
            when _row_error is not null then 'structure'
            when _record_id is null then 'record_id'
            when _duplicate_of_row is not null then 'duplicate'
            when started_at is not null and started_at_typed is null then 'started_at'
            when started_at is null then 'started_at'
        end as _quarantine_reason,
        _row_error,
        _duplicate_of_row
    from typed
)

select * from final
