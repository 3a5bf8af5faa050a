-- Grain: one row per as_of_date × lead known at the attribute date: who it is and where.
with leads as (
    select * from {{ ref('int_crm__leads') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
),

places as (
    select * from {{ ref('int_profiles__places') }}
),

city_tiers as (
    select * from {{ ref('int_profiles__city_tiers') }}
),

industries as (
    select * from {{ ref('int_profiles__industries') }}
),

titles as (
    select * from {{ ref('int_profiles__titles') }}
),

sizes as (
    select * from {{ ref('int_profiles__company_sizes') }}
),

profiled as (
    select
        leads.lead_key,
        leads.employees,
        leads.annual_revenue,
        coalesce(industries.industry, 'unknown') as industry,
        places.market,
        places.country,
        places.province,
        places.city,
        places.region,
        places.north_south,
        coalesce(titles.decision_power, 'unknown') as decision_power,
        leads.source_channel_group as source_channel,
        leads.valid_from,
        leads.valid_to
    from leads
    inner join places on {{ same_place('leads', 'places') }}
    left join industries
        on
            leads.crm_source = industries.crm_source
            and leads.industry = industries.industry_crm
    left join titles on leads.title = titles.title
)

select
    run_context.as_of_date,
    profiled.lead_key,
    profiled.industry,
    {{ company_size_of('profiled.employees', 'profiled.annual_revenue') }}
        as company_size,
    profiled.market,
    profiled.country,
    profiled.province,
    profiled.city,
    case
        when profiled.market = 'international' then 'not_applicable'
        else coalesce(city_tiers.city_tier, 'unknown')
    end as city_tier,
    profiled.region,
    profiled.north_south,
    profiled.decision_power,
    profiled.source_channel
from profiled
inner join run_context on {{ is_known('profiled', 'run_context.attribute_date') }}
left join city_tiers
    on run_context.as_of_date = city_tiers.as_of_date and profiled.city = city_tiers.city
left join sizes
    on run_context.as_of_date = sizes.as_of_date and profiled.industry = sizes.industry
