-- Grain: one row per product known to the run. One nullable boolean per rule: true = fails,
-- null = does not apply.
with records as (
    select
        versions.*,
        run_context.as_of_date,
        run_context.knowledge_date
    from {{ ref('int_crm__products') }} as versions
    inner join {{ source('raw', 'run_context') }} as run_context
        on run_context.is_newest and {{ is_known('versions', 'run_context.knowledge_date') }}
)

select
    records.as_of_date,
    records.crm_source,
    'products' as entity,
    records.product_id as record_id,
    cast(null as string) as owner_key,
    records.valid_from as known_since,
    {{ has_cast_error(
        'records.cast_errors',
        [
            'unit_price', 'unit_cost'
        ]
    ) }} or records.has_long_decimals as ent_026,
    coalesce(records.cast_errors, cast(records.unit_price_doc as string)) as ent_026_value
from records
