-- Grain: one row per customer with a record of its own on the published date: the share of the rules
-- judged on that record that pass, rules that its other records break counted in.
with own as (
    select
        customer_key,
        sum(evaluated) as evaluated,
        sum(failed) as failed
    from {{ ref('int_dq__record_scores') }}
    group by customer_key
),

profiles as (
    select
        source_map.customer_key,
        max(profiles.profile_completeness_pct) as profile_completeness_pct
    from {{ ref('int_dq__profiles') }} as profiles
    inner join {{ ref('int_customers__source_map') }} as source_map
        on profiles.record_key = source_map.record_key
    group by source_map.customer_key
),

elsewhere as (
    select
        violations.customer_key,
        count(distinct violations.rule_id || violations.entity) as failed
    from {{ ref('int_dq__violations') }} as violations
    left join {{ ref('int_customers__source_map') }} as own_records
        on
            violations.customer_key = own_records.customer_key
            and violations.crm_source = own_records.crm_source
            and violations.entity = own_records.record_type || 's'
            and violations.record_id = own_records.source_id
    where
        violations.rule_id not like 'STR-%'
        and violations.customer_key is not null
        and own_records.record_key is null
    group by violations.customer_key
)

select
    own.customer_key,
    profiles.profile_completeness_pct,
    cast(own.evaluated as bigint) + coalesce(elsewhere.failed, 0) as rules_evaluated,
    cast(own.failed as bigint) + coalesce(elsewhere.failed, 0) as rules_failed,
    {{ rounded(
        '1 - cast(own.failed + coalesce(elsewhere.failed, 0) as double)'
        ~ ' / cast(nullif(own.evaluated + coalesce(elsewhere.failed, 0), 0) as double)'
    ) }} as data_trust_score
from own
left join profiles on own.customer_key = profiles.customer_key
left join elsewhere on own.customer_key = elsewhere.customer_key
