-- Grain: one row per exported survey answer, review or complaint row that differs from the export before,
-- and one per deletion found between full drops (_is_deleted).
with source as (
    select * from {{ source('raw', 'feedback') }}
),

typed as (
    select
        *,
        {{ as_number('score') }} as score_typed,
        {{ as_number('scale') }} as scale_typed,
        {{ as_timestamp('answered_at') }} as answered_at_typed,
        {{ as_timestamp('created_at') }} as created_at_typed,
        {{ as_timestamp('closed_at') }} as closed_at_typed,
        {{ as_timestamp('modified_at') }} as modified_at_typed
    from source
),

final as (
    select
        _source as crm_source,
        _kind as record_kind,
        _record_id,
        crm_source as feed_crm_source,
        record_id as feed_record_id,
        account_id,
        contact_id,
        order_id,
        email,
        phone,
        survey_type,
        score_typed as score,
        scale_typed as scale,
        status,
        reason,
        content,
        product_name,
        channel,
        owner_id,
        owner_name,
        answered_at_typed as answered_at,
        created_at_typed as created_at,
        closed_at_typed as closed_at,
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
            'score',
            'scale',
            'answered_at',
            'created_at',
            'closed_at',
            'modified_at',
        ]) }} as _cast_errors,
        case
            when _is_deleted then null
            when _row_error is not null then 'structure'
            when _record_id is null then 'record_id'
            when _duplicate_of_row is not null then 'duplicate'
            when answered_at is not null and answered_at_typed is null then 'answered_at'
            when coalesce(answered_at_typed, created_at_typed) is null then 'answered_at'
        end as _quarantine_reason,
        _row_error,
        _duplicate_of_row
    from typed
)

select * from final
