-- Grain: one row per survey answer, review or complaint known on the published date. One nullable boolean per
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
    from {{ ref('int_crm__feedback') }} as versions
    inner join run_context on {{ is_known('versions', 'run_context.knowledge_date') }}
)

select
    records.as_of_date,
    records.crm_source,
    'feedback' as entity,
    records.record_kind,
    records.feedback_id as record_id,
    records.owner_key,
    {{ flag(
        'upd_014',
        applies="records.record_kind = 'complaints' and records.occurred_date is not null",
        fails='coalesce(records.closed_date > records.as_of_date, true) and '
        ~ days_between('records.occurred_date', 'records.as_of_date')
        ~ ' >= thresholds.complaint_days',
        value='records.occurred_date'
    ) }}
from records
cross join run_context
cross join thresholds
where {{ existed('records.occurred_date') }}
