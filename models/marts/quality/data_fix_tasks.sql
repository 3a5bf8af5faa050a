-- Grain: one row per record to correct in its CRM, on the published date: the worst of its faults first,
-- the records of an owner by the value of the customer.
with violations as (
    select
        *,
        case severity when 'critical' then 1 when 'warning' then 2 else 3 end as severity_order
    from {{ ref('dq_violations') }}
    where rule_id not like 'STR-%' and entity <> 'amounts'
),

thresholds as (
    select * from {{ ref('int_config__dq_thresholds') }}
),

ranked as (
    select
        violations.*,
        {{ add_days(
            'violations.first_seen_on',
            'case violations.severity when ' ~ "'critical'" ~ ' then thresholds.fix_critical_days'
            ~ ' when ' ~ "'warning'" ~ ' then thresholds.fix_warning_days'
            ~ ' else thresholds.fix_info_days end'
        ) }} as due_date,
        row_number() over (
            partition by
                violations.entity,
                violations.crm_source,
                violations.record_kind,
                violations.record_id
            order by
                violations.severity_order nulls last,
                violations.first_seen_on nulls last,
                violations.rule_id nulls last
        ) as choice,
        count(*) over (
            partition by
                violations.entity,
                violations.crm_source,
                violations.record_kind,
                violations.record_id
        ) as faults
    from violations
    cross join thresholds
)

select
    as_of_date,
    owner_key,
    owner_name,
    team,
    cast(
        row_number() over (
            partition by owner_key
            order by
                customer_value_base desc nulls last,
                severity_order asc nulls last,
                entity asc nulls last,
                crm_source asc nulls last,
                record_kind asc nulls last,
                record_id asc nulls last
        ) as bigint
    ) as position,
    entity,
    crm_source,
    record_kind,
    record_id,
    record_name,
    customer_key,
    customer_value_base,
    faults,
    rule_id,
    field,
    value,
    severity,
    fix_hint_zh,
    fix_hint_en,
    first_seen_on,
    due_date
from ranked
where choice = 1
