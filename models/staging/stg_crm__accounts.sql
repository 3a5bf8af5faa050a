-- Grain: one row per exported account row that differs from the export before,
-- and one per deletion found between full drops (_is_deleted).
with source as (
    select * from {{ source('raw', 'accounts') }}
),

typed as (
    select
        *,
        {{ as_number('employees') }} as employees_typed,
        {{ as_number('annual_revenue') }} as annual_revenue_typed,
        {{ as_timestamp('claimed_at') }} as claimed_at_typed,
        {{ as_timestamp('returned_at') }} as returned_at_typed,
        {{ as_timestamp('expire_at') }} as expire_at_typed,
        {{ as_timestamp('last_followed_at') }} as last_followed_at_typed,
        {{ as_timestamp('next_follow_at') }} as next_follow_at_typed,
        {{ as_timestamp('last_deal_at') }} as last_deal_at_typed,
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
        name,
        account_number,
        account_type,
        customer_type,
        industry,
        industry_detail,
        website,
        phone,
        mobile,
        email,
        country,
        province,
        city,
        district,
        address,
        employees_typed as employees,
        company_size,
        annual_revenue_typed as annual_revenue,
        credit_code,
        owner_id,
        owner_name,
        parent_id,
        parent_name,
        source_channel,
        status,
        level,
        life_status,
        high_seas,
        claimed_at_typed as claimed_at,
        returned_at_typed as returned_at,
        expire_at_typed as expire_at,
        last_followed_at_typed as last_followed_at,
        next_follow_at_typed as next_follow_at,
        last_deal_at_typed as last_deal_at,
        currency,
        description,
        tag,
        birth_date_typed as birth_date,
        occupation,
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
            'employees',
            'annual_revenue',
            'claimed_at',
            'returned_at',
            'expire_at',
            'last_followed_at',
            'next_follow_at',
            'last_deal_at',
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
