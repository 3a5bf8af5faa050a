-- Grain: one row per exported contact row that differs from the export before,
-- and one per deletion found between full drops (_is_deleted).
with source as (
    select * from {{ source('raw', 'contacts') }}
),

typed as (
    select
        *,
        {{ as_date('birth_date') }} as birth_date_typed,
        {{ as_timestamp('created_at') }} as created_at_typed,
        {{ as_timestamp('modified_at') }} as modified_at_typed
    from source
),

final as (
    select
        _source as crm_source,
        _kind as record_kind,
        _record_id,
        first_name,
        last_name,
        full_name,
        account_id,
        account_name,
        title,
        department,
        role,
        gender,
        birth_date_typed as birth_date,
        occupation,
        phone,
        mobile,
        email,
        wechat,
        source_channel,
        country,
        province,
        city,
        address,
        owner_id,
        owner_name,
        life_status,
        description,
        tag,
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
            'birth_date',
            'created_at',
            'modified_at',
        ]) }} as _cast_errors,
        case
            when _is_deleted then null
            when _row_error is not null then 'structure'
            when _record_id is null then 'record_id'
            when _duplicate_of_row is not null then 'duplicate'
        end as _quarantine_reason,
        _row_error,
        _duplicate_of_row
    from typed
)

select * from final
