-- Grain: one row per version of an order or invoice line.
with {{ record_versions(ref('stg_crm__order_lines')) }}

select
    md5(versions._source || '|' || versions._kind || '|' || versions._record_id) as order_line_key,
    versions._source as crm_source,
    versions._kind as record_kind,
    versions._record_id as order_line_id,
    versions.order_id,
    versions.product_id,
    md5(
        versions._source
        || case when versions._kind = 'invoice_lines' then '|invoices|' else '|orders|' end
        || versions.order_id
    ) as order_key,
    {{ record_key('products', 'versions.product_id', 'versions._source') }} as product_key,
    versions.product_name,
    versions.quantity,
    versions.unit,
    cast(versions.list_price as decimal(18, 2)) as list_price_doc,
    cast(versions.discount as decimal(18, 2)) as discount_doc,
    {{ rounded(discounted(
        'cast(versions.quantity as double) * cast(versions.list_price as double)', 'versions'
    )) }} as parts_doc,
    coalesce(cast(versions.tax as double), 0) as tax_doc,
    cast(versions.line_total as decimal(18, 2)) as line_total_doc,
    versions._cast_errors as cast_errors,
    coalesce(versions.line_total <> round(versions.line_total, 2), false) as has_long_decimals,
    versions.valid_from,
    versions.valid_to
from versions
