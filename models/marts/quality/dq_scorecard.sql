-- Grain: one row per as_of_date × crm_source × entity × family × owner: the share of the judgements of
-- the entry and update rules that pass, and how it moved.
{{ history_table() }}
{%- set periods = [7, 30, 90] %}
with counts as (
    select * from {{ ref('int_dq__counts') }}
    where rule_id not like 'STR-%'
),

dq_rules as (
    select * from {{ ref('dq_rules') }}
),

owners as (
    select * from {{ ref('int_crm__owner_directory') }}
),

earlier as (
    select * from {{ ref('int_dq__earlier_scores') }}
),

summed as (
    select
        counts.as_of_date,
        counts.crm_source,
        counts.entity,
        dq_rules.family,
        coalesce(counts.owner_key, 'unassigned') as owner_key,
        sum(counts.evaluated) as evaluated,
        sum(counts.failed) as failed
    from counts
    inner join dq_rules
        on
            counts.rule_id = dq_rules.rule_id
            and counts.entity = dq_rules.entity
            and counts.as_of_date >= dq_rules.valid_from
            and (dq_rules.valid_to is null or counts.as_of_date <= dq_rules.valid_to)
    where counts.error is null
    group by
        counts.as_of_date,
        counts.crm_source,
        counts.entity,
        dq_rules.family,
        coalesce(counts.owner_key, 'unassigned')
),

scored as (
    select
        *,
        {{ rounded('(evaluated - failed) / cast(nullif(evaluated, 0) as double)') }} as pass_rate
    from summed
)

select
    scored.as_of_date,
    scored.crm_source,
    scored.entity,
    scored.family,
    scored.owner_key,
    owners.owner_name,
    owners.team,
    cast(scored.evaluated as bigint) as evaluated,
    cast(scored.failed as bigint) as failed,
    scored.pass_rate,
{%- for days in periods %}
    {{ rounded('scored.pass_rate - earlier_' ~ days ~ '.pass_rate') }} as trend_{{ days }}d
    {{- ',' if not loop.last }}
{%- endfor %}
from scored
left join owners on scored.owner_key = owners.owner_key
{%- for days in periods %}
    left join earlier as earlier_{{ days }}
        on
            earlier_{{ days }}.period_days = {{ days }}
            and scored.crm_source = earlier_{{ days }}.crm_source
            and scored.entity = earlier_{{ days }}.entity
            and scored.family = earlier_{{ days }}.family
            and scored.owner_key = earlier_{{ days }}.owner_key
{%- endfor %}
