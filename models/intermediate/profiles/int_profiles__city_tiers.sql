-- Grain: one row per as_of_date × city, its tier in force on it.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
),

city_tiers as (
    select * from {{ ref('city_tiers') }}
)

select
    run_context.as_of_date,
    city_tiers.city,
    city_tiers.city_tier
from run_context
inner join city_tiers
    on
        run_context.as_of_date >= city_tiers.valid_from
        and (city_tiers.valid_to is null or run_context.as_of_date <= city_tiers.valid_to)
