-- Grain: one row per exported order or invoice row that differs from the export before,
-- and one per deletion found between full drops (_is_deleted).
with source as (
    select * from {{ source('raw', 'orders') }}
),

typed as (
    select
        *,
        {{ as_date('order_date') }} as order_date_typed,
        {{ as_date('due_date') }} as due_date_typed,
        {{ as_date('delivery_date') }} as delivery_date_typed,
        {{ as_number('sub_total') }} as sub_total_typed,
        {{ as_number('discount') }} as discount_typed,
        {{ as_number('discount_pct') }} as discount_pct_typed,
        {{ as_number('tax') }} as tax_typed,
        {{ as_number('adjustment') }} as adjustment_typed,
        {{ as_number('grand_total') }} as grand_total_typed,
        {{ as_number('returned_amount') }} as returned_amount_typed,
        {{ as_number('refund_amount') }} as refund_amount_typed,
        {{ as_number('payment_amount') }} as payment_amount_typed,
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
        subject,
        account_id,
        account_name,
        contact_id,
        contact_name,
        deal_id,
        deal_name,
        sales_order_id,
        order_date_typed as order_date,
        due_date_typed as due_date,
        delivery_date_typed as delivery_date,
        status,
        life_status,
        sub_total_typed as sub_total,
        discount_typed as discount,
        discount_pct_typed as discount_pct,
        tax_typed as tax,
        adjustment_typed as adjustment,
        grand_total_typed as grand_total,
        returned_amount_typed as returned_amount,
        refund_amount_typed as refund_amount,
        payment_amount_typed as payment_amount,
        currency,
        exchange_rate_typed as exchange_rate,
        channel,
        owner_id,
        owner_name,
        description,
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
            'order_date',
            'due_date',
            'delivery_date',
            'sub_total',
            'discount',
            'discount_pct',
            'tax',
            'adjustment',
            'grand_total',
            'returned_amount',
            'refund_amount',
            'payment_amount',
            'exchange_rate',
            'created_at',
            'modified_at',
        ]) }} as _cast_errors,
        case
            when _is_deleted then null
            when _row_error is not null then 'structure'
            when _record_id is null then 'record_id'
            when _duplicate_of_row is not null then 'duplicate'
            when order_date is not null and order_date_typed is null then 'order_date'
            when coalesce(order_date_typed, created_at_typed) is null then 'order_date'
            when
                _is_money_entity and grand_total is not null and grand_total_typed is null
                then 'grand_total'
        end as _quarantine_reason,
        _row_error,
        _duplicate_of_row
    from typed
)

select * from final
