-- Grain: one row per distinct job title of contacts and leads: the decision power it tells, and the
-- keyword that tells it (none: other).
with records as (
    select title
    from {{ ref('int_crm__contacts') }}
    where title is not null
    union
    select title
    from {{ ref('int_crm__leads') }}
    where title is not null
),

title_keywords as (
    select
        *,
        lower(keyword) as keyword_key
    from {{ ref('title_keywords') }}
),

texts as (
    select
        title,
        {{ folded('title') }} as text_key,
        {{ word_text('title') }} as words
    from records
),

matched as (
    select
        texts.title,
        title_keywords.decision_power,
        title_keywords.keyword
    from texts
    inner join title_keywords on {{ keyword_matches('texts', 'title_keywords') }}
    qualify
        row_number() over (
            partition by texts.title order by title_keywords.match_order nulls last
        ) = 1
)

select
    texts.title,
    coalesce(matched.decision_power, 'other') as decision_power,
    matched.keyword
from texts
left join matched on texts.title = matched.title
