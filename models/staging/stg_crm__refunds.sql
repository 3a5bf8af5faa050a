-- Grain: one row per exported return or refund row that differs from the export before,
-- and one per deletion found between full drops (_is_deleted).
with source as (
    select * from {{ source('raw', 'refunds') }}
),

typed as (
    select
        *,
        {{ as_date('refund_date') }} as refund_date_typed,
        {{ as_number('amount') }} as amount_typed,
        {{ as_number('exchange_rate') }} as exchange_rate_typed,
        {{ as_timestamp('created_at') }} as created_at_typed,
        {{ as_timestamp('modified_at') }} as modified_at_typed
    from source
),

final as (
    select
        _source as crm_source,
        _kind as record_kind,
        _record_id,
        document_number,
        order_id,
        order_number,
        return_id,
        account_id,
        account_name,
        refund_date_typed as refund_date,
        amount_typed as amount,
        currency,
        exchange_rate_typed as exchange_rate,
        status,
        life_status,
        reason,
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
            'refund_date',
            'amount',
            'exchange_rate',
            'created_at',
            'modified_at',
        ]) }} as _cast_errors,
        case
            when _is_deleted then null
            when _row_error is not null then 'structure'
            when _record_id is null then 'record_id'
            when _duplicate_of_row is not null then 'duplicate'
            when refund_date is not null and refund_date_typed is null then 'refund_date'
            when coalesce(refund_date_typed, created_at_typed) is null then 'refund_date'
            when amount is not null and amount_typed is null then 'amount'
        end as _quarantine_reason,
        _row_error,
        _duplicate_of_row
    from typed
)

select * from final
