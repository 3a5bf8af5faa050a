-- Grain: one row per published date, the thresholds of the data rules in force on it as columns.
{%- set parameters = [
    'profile_complete_pct',
    'price_z_score',
    'price_min_records',
    'lead_repeat_days',
    'status_silent_days',
    'result_window_days',
    'stage_min_visits',
    'lead_window_days',
    'lead_pool_days',
    'review_days',
    'need_contacts',
    'survey_days',
    'survey_window_days',
    'complaint_days',
    'dormant_contact_days',
    'fix_critical_days',
    'fix_warning_days',
    'fix_info_days',
] %}
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

dq_thresholds as (
    select * from {{ ref('dq_thresholds') }}
)

select
    {%- for parameter in parameters %}
        max(case when dq_thresholds.parameter = '{{ parameter }}' then dq_thresholds.value end)
            as {{ parameter }},
    {%- endfor %}
    run_context.as_of_date
from run_context
inner join dq_thresholds
    on
        run_context.as_of_date >= dq_thresholds.valid_from
        and (dq_thresholds.valid_to is null or run_context.as_of_date <= dq_thresholds.valid_to)
group by run_context.as_of_date
