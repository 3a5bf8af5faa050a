-- Grain: one row per as_of_date × living customer: who it is and where.
{{ config(materialized='view') }}

with profiles as (
    select * from {{ ref('int_profiles__customers') }}
)

select
    as_of_date,
    customer_key,
    customer_type,
    company_size,
    industry,
    market,
    country,
    province,
    city,
    city_tier,
    region,
    north_south,
    occupation,
    age_band,
    decision_power,
    source_channel
from profiles
where not is_deleted
