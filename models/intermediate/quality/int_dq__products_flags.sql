-- Grain: one row per product known on the published date. One nullable boolean per
-- rule: true = fails, null = does not apply; and the value at fault of those that fail.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

thresholds as (
    select * from {{ ref('int_config__dq_thresholds') }}
),

records as (
    select
        versions.*,
        run_context.as_of_date,
        run_context.knowledge_date
    from {{ ref('int_crm__products') }} as versions
    inner join run_context on {{ is_known('versions', 'run_context.knowledge_date') }}
)

select
    records.as_of_date,
    records.crm_source,
    'products' as entity,
    'products' as record_kind,
    records.product_id as record_id,
    cast(null as string) as owner_key,
    {{ flag(
        'ent_026',
        fails=has_cast_error('records.cast_errors', ['unit_price', 'unit_cost'])
        ~ ' or records.has_long_decimals',
        value='coalesce(records.cast_errors, cast(records.unit_price_doc as string))'
    ) }}
from records
cross join run_context
cross join thresholds
