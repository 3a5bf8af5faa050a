-- Grain: one row per product known on the published date.
with versions as (
    select * from {{ ref('int_crm__products') }}
),

run_settings as (
    select * from {{ source('raw', 'run_settings') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
)

select
    versions.product_key,
    versions.crm_source,
    versions.product_id,
    versions.product_name,
    versions.product_code,
    versions.category,
    versions.series,
    versions.unit,
    versions.unit_price_doc,
    case
        when coalesce(versions.currency, run_settings.base_currency) = run_settings.base_currency
            then versions.unit_cost_doc
    end as unit_cost_base,
    versions.currency,
    versions.is_active
from versions
inner join run_context
    on {{ is_known('versions', 'run_context.attribute_date') }}
cross join run_settings
