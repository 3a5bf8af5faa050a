-- Grain: one row per exported deal row that differs from the export before,
-- and one per deletion found between full drops (_is_deleted).
with source as (
    select * from {{ source('raw', 'deals') }}
),

typed as (
    select
        *,
        {{ as_number('amount') }} as amount_typed,
        {{ as_number('expected_revenue') }} as expected_revenue_typed,
        {{ as_number('exchange_rate') }} as exchange_rate_typed,
        {{ as_number('probability') }} as probability_typed,
        {{ as_date('close_date') }} as close_date_typed,
        {{ as_timestamp('stage_changed_at') }} as stage_changed_at_typed,
        {{ as_timestamp('next_follow_at') }} as next_follow_at_typed,
        {{ as_timestamp('last_activity_at') }} as last_activity_at_typed,
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
        account_id,
        account_name,
        contact_id,
        contact_name,
        lead_id,
        stage,
        status,
        amount_typed as amount,
        expected_revenue_typed as expected_revenue,
        currency,
        exchange_rate_typed as exchange_rate,
        probability_typed as probability,
        close_date_typed as close_date,
        loss_reason,
        product_name,
        deal_type,
        pipeline,
        source_channel,
        campaign_id,
        owner_id,
        owner_name,
        stage_changed_at_typed as stage_changed_at,
        next_follow_at_typed as next_follow_at,
        last_activity_at_typed as last_activity_at,
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
            'amount',
            'expected_revenue',
            'exchange_rate',
            'probability',
            'close_date',
            'stage_changed_at',
            'next_follow_at',
            'last_activity_at',
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
