-- Grain: one row per exported lead row that differs from the export before,
-- and one per deletion found between full drops (_is_deleted).
with source as (
    select * from {{ source('raw', 'leads') }}
),

typed as (
    select
        *,
        {{ as_number('budget') }} as budget_typed,
        {{ as_number('employees') }} as employees_typed,
        {{ as_number('annual_revenue') }} as annual_revenue_typed,
        {{ as_bool('is_converted') }} as is_converted_typed,
        {{ as_timestamp('converted_at') }} as converted_at_typed,
        {{ as_timestamp('next_follow_at') }} as next_follow_at_typed,
        {{ as_timestamp('last_activity_at') }} as last_activity_at_typed,
        {{ as_timestamp('assigned_at') }} as assigned_at_typed,
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
        company,
        title,
        phone,
        mobile,
        email,
        website,
        industry,
        source_channel,
        status,
        stage,
        intended_product,
        budget_typed as budget,
        employees_typed as employees,
        annual_revenue_typed as annual_revenue,
        country,
        province,
        city,
        address,
        owner_id,
        owner_name,
        is_converted_typed as is_converted,
        converted_at_typed as converted_at,
        converted_account_id,
        converted_contact_id,
        converted_deal_id,
        loss_reason,
        next_follow_at_typed as next_follow_at,
        last_activity_at_typed as last_activity_at,
        assigned_at_typed as assigned_at,
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
            'budget',
            'employees',
            'annual_revenue',
            'is_converted',
            'converted_at',
            'next_follow_at',
            'last_activity_at',
            'assigned_at',
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
