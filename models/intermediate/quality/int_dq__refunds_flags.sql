-- Grain: one row per return or refund known on the published date. One nullable boolean per
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
    from {{ ref('int_crm__refunds') }} as versions
    inner join run_context on {{ is_known('versions', 'run_context.knowledge_date') }}
)

select
    records.as_of_date,
    records.crm_source,
    'refunds' as entity,
    records.record_kind,
    records.refund_id as record_id,
    cast(null as string) as owner_key,
    {{ flag(
        'str_010',
        applies='records.is_countable and records.amount_doc is not null',
        fails='records.rate_to_base is null',
        value='records.currency'
    ) }}
from records
cross join run_context
cross join thresholds
