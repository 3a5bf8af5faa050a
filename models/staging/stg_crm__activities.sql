-- Grain: one row per exported call, meeting, task, visit, e-mail or sales record row that differs from the export before,
-- and one per deletion found between full drops (_is_deleted).
with source as (
    select * from {{ source('raw', 'activities') }}
),

typed as (
    select
        *,
        {{ as_timestamp('started_at') }} as started_at_typed,
        {{ as_timestamp('ended_at') }} as ended_at_typed,
        {{ as_timestamp('due_at') }} as due_at_typed,
        {{ as_timestamp('closed_at') }} as closed_at_typed,
        {{ as_number('duration_seconds') }} as duration_seconds_typed,
        {{ as_timestamp('created_at') }} as created_at_typed,
        {{ as_timestamp('modified_at') }} as modified_at_typed
    from source
),

final as (
    select
        _source as crm_source,
        _kind as record_kind,
        _record_id,
        subject,
        direction,
        status,
        result,
        purpose,
        manner,
        started_at_typed as started_at,
        ended_at_typed as ended_at,
        due_at_typed as due_at,
        closed_at_typed as closed_at,
        duration,
        duration_seconds_typed as duration_seconds,
        contact_id,
        account_id,
        account_name,
        deal_id,
        lead_id,
        related_id,
        related_module,
        related_name,
        related_objects,
        crm_source as feed_crm_source,
        record_id as feed_record_id,
        phone,
        email,
        content,
        owner_id,
        owner_name,
        created_at_typed as created_at,
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
            'started_at',
            'ended_at',
            'due_at',
            'closed_at',
            'duration_seconds',
            'created_at',
            'modified_at',
        ]) }} as _cast_errors,
        case
            when _is_deleted then null
            when _row_error is not null then 'structure'
            when _record_id is null then 'record_id'
            when _duplicate_of_row is not null then 'duplicate'
            when started_at is not null and started_at_typed is null then 'started_at'
            when
                coalesce(
                    started_at_typed, created_at_typed, due_at_typed, modified_at_typed
                ) is null
                then 'started_at'
        end as _quarantine_reason,
        _row_error,
        _duplicate_of_row
    from typed
)

select * from final
