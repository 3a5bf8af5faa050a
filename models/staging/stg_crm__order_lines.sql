-- Grain: one row per exported order or invoice line row that differs from the export before,
-- and one per deletion found between full drops (_is_deleted).
with source as (
    select * from {{ source('raw', 'order_lines') }}
),

typed as (
    select
        *,
        {{ as_number('quantity') }} as quantity_typed,
        {{ as_number('list_price') }} as list_price_typed,
        {{ as_number('discount') }} as discount_typed,
        {{ as_number('discount_pct') }} as discount_pct_typed,
        {{ as_number('tax') }} as tax_typed,
        {{ as_number('line_total') }} as line_total_typed,
        {{ as_timestamp('created_at') }} as created_at_typed,
        {{ as_timestamp('modified_at') }} as modified_at_typed
    from source
),

final as (
    select
        _source as crm_source,
        _kind as record_kind,
        _record_id,
        order_id,
        order_number,
        product_id,
        product_name,
        quantity_typed as quantity,
        unit,
        list_price_typed as list_price,
        discount_typed as discount,
        discount_pct_typed as discount_pct,
        tax_typed as tax,
        line_total_typed as line_total,
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
            'quantity',
            'list_price',
            'discount',
            'discount_pct',
            'tax',
            'line_total',
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
