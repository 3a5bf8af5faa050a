-- Grain: one row per rule × record that breaks it, on the published date.
-- first_seen_on: the first night on which the check saw it, without a night between on which it did not.
with violations as (
    select * from {{ ref('int_dq__violations') }}
),

earlier as (
    select * from {{ ref('int_dq__earlier_changes') }}
),

dq_rules as (
    select * from {{ ref('dq_rules') }}
),

owners as (
    select * from {{ ref('int_crm__owner_directory') }}
),

amounts as (
    select
        as_of_date,
        customer_key,
        monetary_base
    from {{ ref('int_customers__abc') }}
),

seen as (
    select
        violations.*,
        case
            when earlier.is_open then earlier.opened_on
            else violations.as_of_date
        end as first_seen_on,
        coalesce(earlier.times_opened, 0) - case when earlier.is_open then 1 else 0 end as reopened
    from violations
    left join earlier
        on
            violations.rule_id = earlier.rule_id
            and violations.entity = earlier.entity
            and violations.crm_source = earlier.crm_source
            and violations.record_kind = earlier.record_kind
            and violations.record_id = earlier.record_id
)

select
    seen.as_of_date,
    seen.rule_id,
    seen.entity,
    seen.crm_source,
    seen.record_kind,
    seen.record_id,
    seen.record_name,
    seen.customer_key,
    cast(amounts.monetary_base as decimal(18, 2)) as customer_value_base,
    seen.owner_key,
    owners.owner_name,
    owners.team,
    dq_rules.field,
    seen.value,
    dq_rules.severity,
    dq_rules.family,
    dq_rules.description_zh,
    dq_rules.description_en,
    dq_rules.fix_hint_zh,
    dq_rules.fix_hint_en,
    seen.known_since,
    seen.first_seen_on,
    {{ days_between('seen.first_seen_on', 'seen.as_of_date') }} as days_open,
    seen.reopened
from seen
inner join dq_rules
    on
        seen.rule_id = dq_rules.rule_id
        and seen.entity = dq_rules.entity
        and seen.as_of_date >= dq_rules.valid_from
        and (dq_rules.valid_to is null or seen.as_of_date <= dq_rules.valid_to)
left join owners on seen.owner_key = owners.owner_key
left join amounts
    on
        seen.as_of_date = amounts.as_of_date
        and seen.customer_key = amounts.customer_key
