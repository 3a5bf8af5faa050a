-- Grain: one row per crm_source × raw industry text of accounts and leads: the industry it means.
-- A value mapped in kefen.yml beats the seed; what nothing matches is other.
with records as (
    select
        crm_source,
        industry
    from {{ ref('int_crm__accounts') }}
    where industry is not null
    union
    select
        crm_source,
        industry
    from {{ ref('int_crm__leads') }}
    where industry is not null
),

industries as (
    select
        *,
        lower(keyword) as keyword_key
    from {{ ref('industries') }}
),

enum_map as (
    select * from {{ ref('int_config__enum_map') }}
    where enum = 'industry'
),

texts as (
    select distinct
        industry as industry_crm,
        {{ folded('industry') }} as text_key,
        {{ word_text('industry') }} as words
    from records
),

matched as (
    select
        texts.industry_crm,
        industries.industry
    from texts
    inner join industries on {{ keyword_matches('texts', 'industries') }}
    qualify
        row_number() over (
            partition by texts.industry_crm order by industries.match_order nulls last
        ) = 1
)

select
    records.crm_source,
    records.industry as industry_crm,
    coalesce(enum_map.value, matched.industry, 'other') as industry,
    coalesce(enum_map.value, matched.industry) is not null as is_matched
from records
left join matched on records.industry = matched.industry_crm
left join enum_map
    on
        records.crm_source = enum_map.crm_source
        and {{ folded('records.industry') }} = enum_map.raw_value_key
