-- Grain: one row per as_of_date × customer, deleted ones included: who it is and where.
with customers as (
    select * from {{ ref('int_customers__customers') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
),

source_map as (
    select * from {{ ref('int_customers__source_map') }}
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

sizes as (
    select * from {{ ref('int_profiles__company_sizes') }}
),

stated as (
    select
        {{ folded('size_text') }} as size_key,
        employees,
        company_size
    from {{ ref('company_size_texts') }}
),

age_bands as (
    select * from {{ ref('age_bands') }}
),

contact_roles as (
    select * from {{ ref('int_profiles__contact_roles') }}
    where life_status <> 'void'
),

powers as (
    select
        run_context.as_of_date,
        source_map.customer_key,
        max(
            case contact_roles.decision_power
                when 'decision_maker' then 3
                when 'influencer' then 2
                when 'other' then 1
                else 0
            end
        ) as decision_power_rank
    from contact_roles
    inner join run_context
        on
            {{ is_known('contact_roles', 'run_context.attribute_date') }}
            and coalesce(contact_roles.created_date, run_context.as_of_date)
            <= run_context.as_of_date
    inner join source_map on contact_roles.party_key = source_map.record_key
    group by run_context.as_of_date, source_map.customer_key
),

-- An age counts from the birthday on; who was born on 29 February has it on 1 March.
aged as (
    select
        customers.*,
        case
            when customers.customer_type = 'individual' and customers.industry is null
                then 'not_applicable'
            else coalesce(industries.industry, 'unknown')
        end as industry_code,
        extract(year from customers.as_of_date) - extract(year from customers.birth_date)
        - case
            when
                extract(month from customers.as_of_date) * 100
                + extract(day from customers.as_of_date)
                < extract(month from customers.birth_date) * 100
                + extract(day from customers.birth_date)
                then 1
            else 0
        end as age_years
    from customers
    left join industries
        on
            customers.crm_source = industries.crm_source
            and customers.industry = industries.industry_crm
)

select
    aged.as_of_date,
    aged.customer_key,
    aged.is_deleted,
    aged.customer_type,
    case
        when aged.customer_type = 'individual' then 'not_applicable'
        else {{ company_size_of('aged.employees', 'aged.annual_revenue', stated='stated') }}
    end as company_size,
    aged.industry_code as industry,
    places.market,
    places.country,
    places.province,
    places.city,
    case
        when places.market = 'international' then 'not_applicable'
        else coalesce(city_tiers.city_tier, 'unknown')
    end as city_tier,
    places.region,
    places.north_south,
    case
        when aged.customer_type = 'company' then 'not_applicable'
        else coalesce(nullif({{ trimmed('aged.occupation') }}, ''), 'unknown')
    end as occupation,
    case
        when aged.customer_type = 'company' then 'not_applicable'
        else coalesce(age_bands.age_band, 'unknown')
    end as age_band,
    case
        when aged.customer_type = 'individual' then 'not_applicable'
        when powers.decision_power_rank = 3 then 'decision_maker'
        when powers.decision_power_rank = 2 then 'influencer'
        when powers.decision_power_rank = 1 then 'other'
        else 'unknown'
    end as decision_power,
    aged.source_channel_group as source_channel
from aged
inner join places on {{ same_place('aged', 'places') }}
left join city_tiers
    on aged.as_of_date = city_tiers.as_of_date and places.city = city_tiers.city
left join sizes
    on aged.as_of_date = sizes.as_of_date and aged.industry_code = sizes.industry
left join stated on {{ folded('aged.company_size_crm') }} = stated.size_key
left join age_bands
    on
        aged.age_years between age_bands.min_age and age_bands.max_age
        and aged.as_of_date >= age_bands.valid_from
        and aged.as_of_date <= coalesce(age_bands.valid_to, aged.as_of_date)
left join powers
    on aged.as_of_date = powers.as_of_date and aged.customer_key = powers.customer_key
