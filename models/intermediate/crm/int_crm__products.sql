-- Grain: one row per product version.
with {{ record_versions(ref('stg_crm__products')) }}

select
    {{ record_key('products', 'versions._record_id', 'versions._source') }} as product_key,
    versions._source as crm_source,
    versions._record_id as product_id,
    versions.name as product_name,
    versions.product_code,
    versions.category,
    versions.series,
    versions.unit,
    cast(versions.unit_price as decimal(18, 2)) as unit_price_doc,
    cast(versions.unit_cost as decimal(18, 2)) as unit_cost_doc,
    versions.currency,
    versions._cast_errors as cast_errors,
    coalesce(versions.unit_price <> round(versions.unit_price, 2), false) as has_long_decimals,
    coalesce(versions.is_active, true) as is_active,
    cast(versions.created_at as date) as created_date,
    versions.valid_from,
    versions.valid_to
from versions
