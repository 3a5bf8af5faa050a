-- Grain: one row per return or refund known to the run. One nullable boolean per rule: true = fails,
-- null = does not apply.
with records as (
    select
        versions.*,
        run_context.as_of_date,
        run_context.knowledge_date
    from {{ ref('int_crm__refunds') }} as versions
    inner join {{ source('raw', 'run_context') }} as run_context
        on run_context.is_newest and {{ is_known('versions', 'run_context.knowledge_date') }}
)

select
    records.as_of_date,
    records.crm_source,
    'refunds' as entity,
    records.refund_id as record_id,
    cast(null as string) as owner_key,
    records.valid_from as known_since,
    case
        when records.is_countable and records.amount_doc is not null
            then records.rate_to_base is null
    end as str_010,
    records.currency as str_010_value
from records
