{{ config(meta={'dagster': {'ref': {'name': 'int_customers__profile'}}}) }}
-- Every living customer of a date has one profile, and every class of it a value.
with customers as (
    select
        as_of_date,
        count(*) as customers
    from {{ ref('int_customers__customers') }}
    where not is_deleted
    group by as_of_date
),

profiles as (
    select
        as_of_date,
        count(*) as profiles,
        count(distinct customer_key) as profiled,
        min(
            {%- for column in [
                'company_size', 'industry', 'market', 'country', 'province', 'city', 'city_tier',
                'region', 'north_south', 'occupation', 'age_band', 'decision_power',
                'source_channel',
            ] %}
                case when {{ column }} is null then 0 else 1 end{{ ' *' if not loop.last }}
            {%- endfor %}
        ) as is_filled
    from {{ ref('int_customers__profile') }}
    group by as_of_date
)

select customers.as_of_date
from customers
left join profiles on customers.as_of_date = profiles.as_of_date
where
    profiles.profiles is null
    or customers.customers <> profiles.profiles
    or customers.customers <> profiles.profiled
    or profiles.is_filled = 0
