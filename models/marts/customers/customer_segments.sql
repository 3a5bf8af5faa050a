-- Grain: one row per living buyer × segment preset, on the published date.
-- The first rule of a preset that covers the scores decides; scores that no rule covers are others.
with scores as (
    select * from {{ ref('int_customers__segment_scores') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

segment_rules as (
    select all_rules.*
    from {{ ref('segment_rules') }} as all_rules
    inner join run_context
        on
            all_rules.valid_from <= run_context.as_of_date
            and coalesce(all_rules.valid_to, cast('9999-12-31' as date))
            >= run_context.as_of_date
),

codes as (
    select distinct
        preset,
        r_score,
        f_score,
        m_score
    from scores
),

matched as (
    select
        codes.preset,
        codes.r_score,
        codes.f_score,
        codes.m_score,
        min_by(segment_rules.segment, segment_rules.position) as segment
    from codes
    inner join segment_rules
        on
            codes.preset = segment_rules.preset
            and codes.r_score >= segment_rules.r_min
            and codes.r_score <= segment_rules.r_max
            and codes.f_score >= segment_rules.f_min
            and codes.f_score <= segment_rules.f_max
            and codes.m_score >= segment_rules.m_min
            and codes.m_score <= segment_rules.m_max
    group by codes.preset, codes.r_score, codes.f_score, codes.m_score
)

select
    scores.as_of_date,
    scores.customer_key,
    scores.preset,
    cast(scores.r_score as string)
    || cast(scores.f_score as string)
    || cast(scores.m_score as string) as rfm_code,
    coalesce(matched.segment, 'others') as segment
from scores
left join matched
    on
        scores.preset = matched.preset
        and scores.r_score = matched.r_score
        and scores.f_score = matched.f_score
        and scores.m_score = matched.m_score
