-- Grain: one row per as_of_date × party (customer or lead) with feedback by then: the mean of its
-- answers (+1, 0, -1), the newer the heavier, and the complaints open on that date.
with feedback as (
    select * from {{ ref('int_crm__feedback') }}
),

source_map as (
    select * from {{ ref('int_customers__source_map') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
),

thresholds as (
    select * from {{ ref('int_config__thresholds') }}
),

party_feedback as (
    select
        'customer' as party_type,
        source_map.customer_key as party_key,
        feedback.record_kind,
        feedback.survey_group,
        feedback.score,
        feedback.scale,
        feedback.occurred_date,
        feedback.closed_date,
        feedback.valid_from,
        feedback.valid_to
    from feedback
    inner join source_map on feedback.party_key = source_map.record_key
    union all
    select
        'lead' as party_type,
        lead_key as party_key,
        record_kind,
        survey_group,
        score,
        scale,
        occurred_date,
        closed_date,
        valid_from,
        valid_to
    from feedback
    where lead_key is not null
),

known_feedback as (
    select
        run_context.as_of_date,
        party_feedback.party_type,
        party_feedback.party_key,
        party_feedback.occurred_date,
        party_feedback.record_kind = 'complaints' as is_complaint,
        coalesce(party_feedback.closed_date > run_context.as_of_date, true) as is_open,
        {{ days_between('party_feedback.occurred_date', 'run_context.as_of_date') }} as age_days,
        case
            when party_feedback.record_kind = 'complaints' or party_feedback.score < 0 then null
            when party_feedback.record_kind = 'surveys' and party_feedback.survey_group = 'nps'
                then
                    case
                        when party_feedback.score > 10 then null
                        when party_feedback.score >= thresholds.nps_promoter_score then 1
                        when party_feedback.score <= thresholds.nps_detractor_score then -1
                        when party_feedback.score is not null then 0
                    end
            when party_feedback.score > coalesce(party_feedback.scale, 5) then null
            when
                (party_feedback.score - 1) * 4
                >= (thresholds.csat_satisfied_score - 1) * (coalesce(party_feedback.scale, 5) - 1)
                then 1
            when
                (party_feedback.score - 1) * 4
                <= (thresholds.csat_dissatisfied_score - 1)
                * (coalesce(party_feedback.scale, 5) - 1)
                then -1
            when party_feedback.score is not null then 0
        end as answer
    from party_feedback
    inner join run_context
        on
            party_feedback.occurred_date <= run_context.as_of_date
            and {{ is_known('party_feedback', 'run_context.knowledge_date') }}
    inner join thresholds on run_context.as_of_date = thresholds.as_of_date
),

weighed as (
    select
        known_feedback.as_of_date,
        known_feedback.party_type,
        known_feedback.party_key,
        known_feedback.occurred_date,
        known_feedback.is_complaint,
        known_feedback.is_open,
        known_feedback.age_days < thresholds.feedback_window_days as is_recent,
        case
            when known_feedback.age_days < thresholds.feedback_window_days
                then known_feedback.answer
        end as answer,
        power(
            cast(0.5 as double),
            cast(known_feedback.age_days as double)
            / cast(nullif(thresholds.feedback_half_life_days, 0) as double)
        ) as weight
    from known_feedback
    inner join thresholds on known_feedback.as_of_date = thresholds.as_of_date
),

scored as (
    select
        as_of_date,
        party_type,
        party_key,
        count(answer) as answers_365d,
        {{ rounded(
            'sum(answer * weight)'
            ~ ' / cast(nullif(sum(case when answer is not null then weight end), 0) as double)'
        ) }} as satisfaction_score,
        count(*) filter (where is_complaint and is_open) as open_complaints,
        count(*) filter (where is_complaint and is_recent) as recent_complaints,
        min(case when is_complaint and is_open then occurred_date end) as open_complaint_since,
        max(occurred_date) as last_feedback_date
    from weighed
    group by as_of_date, party_type, party_key
)

select
    scored.as_of_date,
    scored.party_type,
    scored.party_key,
    scored.answers_365d,
    scored.satisfaction_score,
    scored.open_complaints,
    scored.open_complaint_since,
    scored.last_feedback_date,
    scored.recent_complaints,
    {{ feedback_class_of(named_inputs('scored', [
        'open_complaints', 'satisfaction_score', 'answers_365d', 'recent_complaints',
    ])) }} as feedback_class
from scored
inner join thresholds on scored.as_of_date = thresholds.as_of_date
