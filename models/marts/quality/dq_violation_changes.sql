-- Grain: one row per as_of_date × rule × record that began or ceased to break it on that night.
{{ history_table() }}
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

violations as (
    select * from {{ ref('dq_violations') }}
),

earlier as (
    select * from {{ ref('int_dq__earlier_changes') }}
    where is_open
),

opened as (
    select
        as_of_date,
        rule_id,
        entity,
        crm_source,
        record_kind,
        record_id,
        owner_key,
        'opened' as change
    from violations
    where first_seen_on = as_of_date
),

closed as (
    select
        run_context.as_of_date,
        earlier.rule_id,
        earlier.entity,
        earlier.crm_source,
        earlier.record_kind,
        earlier.record_id,
        cast(null as string) as owner_key,
        'closed' as change
    from earlier
    cross join run_context
    left join violations
        on
            earlier.rule_id = violations.rule_id
            and earlier.entity = violations.entity
            and earlier.crm_source = violations.crm_source
            and earlier.record_kind = violations.record_kind
            and earlier.record_id = violations.record_id
    where violations.rule_id is null
)

select
    as_of_date,
    rule_id,
    entity,
    crm_source,
    record_kind,
    record_id,
    owner_key,
    change
from opened
union all
select
    as_of_date,
    rule_id,
    entity,
    crm_source,
    record_kind,
    record_id,
    owner_key,
    change
from closed
