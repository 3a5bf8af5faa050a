-- Grain: one row per rule × record that was ever seen to break it before the published date: whether it
-- still did on the last night, since when, and how often it came back.
{%- set history = earlier_nights('dq_violation_changes') %}
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

changes as (
    {%- if history is not none %}
        select
            changes.rule_id,
            changes.entity,
            changes.crm_source,
            changes.record_kind,
            changes.record_id,
            changes.change,
            changes.as_of_date
        from {{ history }} as changes
        inner join run_context on changes.as_of_date < run_context.as_of_date
    {%- else %}
        select
            cast(null as string) as rule_id,
            cast(null as string) as entity,
            cast(null as string) as crm_source,
            cast(null as string) as record_kind,
            cast(null as string) as record_id,
            cast(null as string) as change,
            as_of_date
        from run_context
        where as_of_date is null
    {%- endif %}
)

select
    rule_id,
    entity,
    crm_source,
    record_kind,
    record_id,
    max_by(change, as_of_date) = 'opened' as is_open,
    max(case when change = 'opened' then as_of_date end) as opened_on,
    count(*) filter (where change = 'opened') as times_opened
from changes
group by rule_id, entity, crm_source, record_kind, record_id
