-- Grain: one row per as_of_date × rule × entity × crm_source.
{{ history_table() }}
with owner_counts as (
    select * from {{ ref('int_dq__counts') }}
    union all
    select * from {{ ref('int_dq__drop_counts') }}
),

counts as (
    select
        as_of_date,
        rule_id,
        entity,
        crm_source,
        sum(evaluated) as evaluated,
        sum(failed) as failed,
        sum(not_applicable) as not_applicable,
        min(error) as error
    from owner_counts
    group by as_of_date, rule_id, entity, crm_source
),

dq_rules as (
    select * from {{ ref('dq_rules') }}
)

select
    counts.as_of_date,
    counts.rule_id,
    counts.entity,
    counts.crm_source,
    dq_rules.family,
    dq_rules.severity,
    dq_rules.mostly,
    cast(counts.evaluated as bigint) as evaluated,
    cast(counts.failed as bigint) as failed,
    cast(counts.not_applicable as bigint) as not_applicable,
    {{ rounded(
        '(counts.evaluated - counts.failed) / cast(nullif(counts.evaluated, 0) as double)'
    ) }} as pass_rate,
    case
        when counts.error is not null then 'ERROR'
        when counts.evaluated = 0 then 'NOT_APPLICABLE'
        when
            (counts.evaluated - counts.failed)
            >= cast(dq_rules.mostly as decimal(9, 6)) * counts.evaluated
            then 'PASS'
        else 'FAIL'
    end as status,
    counts.error,
    dq_rules.description_zh,
    dq_rules.description_en
from counts
inner join dq_rules
    on
        counts.rule_id = dq_rules.rule_id
        and counts.entity = dq_rules.entity
        and counts.as_of_date >= dq_rules.valid_from
        and (dq_rules.valid_to is null or counts.as_of_date <= dq_rules.valid_to)
