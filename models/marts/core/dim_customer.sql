-- Grain: one row per customer that existed on the published date, deleted ones included, and the
-- 'unknown' member that facts without a customer point to.
with customers as (
    select * from {{ ref('int_customers__customers') }}
),

metrics as (
    select * from {{ ref('int_purchases__customer_metrics') }}
),

profiles as (
    select * from {{ ref('int_profiles__customers') }}
),

source_map as (
    select * from {{ ref('int_customers__source_map') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

-- What a customer is called and reached by decides no class: it is read here, of one date.
records as (
    select
        account_key as record_key,
        name_key as name_normalised,
        phone,
        phone_e164,
        email,
        email_normalised,
        credit_code,
        credit_code_normalised,
        valid_from,
        valid_to
    from {{ ref('int_crm__accounts') }}
    union all
    select
        contact_key as record_key,
        name_key as name_normalised,
        phone,
        phone_e164,
        email,
        email_normalised,
        cast(null as string) as credit_code,
        cast(null as string) as credit_code_normalised,
        valid_from,
        valid_to
    from {{ ref('int_crm__contacts') }}
    where party_key = contact_key
),

known_records as (
    select
        source_map.customer_key,
        records.*
    from records
    inner join run_context on {{ is_known('records', 'run_context.attribute_date') }}
    inner join source_map on records.record_key = source_map.record_key
)

select
    customers.customer_key,
    customers.customer_name,
    known_records.name_normalised,
    customers.customer_type,
    coalesce(metrics.purchase_days, 0) > 0 as is_existing,
    customers.is_inferred,
    customers.is_deleted,
    customers.crm_source as crm_sources,
    profiles.country,
    profiles.province,
    profiles.city,
    profiles.city_tier,
    profiles.region,
    profiles.north_south,
    profiles.market,
    profiles.industry,
    profiles.company_size,
    customers.country as country_crm,
    customers.province as province_crm,
    customers.city as city_crm,
    customers.industry as industry_crm,
    known_records.phone,
    known_records.phone_e164,
    known_records.email,
    known_records.email_normalised,
    known_records.credit_code,
    known_records.credit_code_normalised,
    customers.source_channel,
    customers.source_channel_group,
    customers.crm_status,
    customers.owner_key,
    customers.created_date,
    metrics.first_purchase_date
from customers
inner join run_context on customers.as_of_date = run_context.as_of_date
inner join profiles
    on
        customers.as_of_date = profiles.as_of_date
        and customers.customer_key = profiles.customer_key
left join metrics
    on
        customers.as_of_date = metrics.as_of_date
        and customers.customer_key = metrics.customer_key
left join known_records on customers.customer_key = known_records.customer_key
union all
select
    'unknown' as customer_key,
    '未知 / unknown' as customer_name,
    cast(null as string) as name_normalised,
    'unknown' as customer_type,
    false as is_existing,
    false as is_inferred,
    false as is_deleted,
    cast(null as string) as crm_sources,
    'unknown' as country,
    'unknown' as province,
    'unknown' as city,
    'unknown' as city_tier,
    'unknown' as region,
    'unknown' as north_south,
    'unknown' as market,
    'unknown' as industry,
    'unknown' as company_size,
    cast(null as string) as country_crm,
    cast(null as string) as province_crm,
    cast(null as string) as city_crm,
    cast(null as string) as industry_crm,
    cast(null as string) as phone,
    cast(null as string) as phone_e164,
    cast(null as string) as email,
    cast(null as string) as email_normalised,
    cast(null as string) as credit_code,
    cast(null as string) as credit_code_normalised,
    cast(null as string) as source_channel,
    'unknown' as source_channel_group,
    cast(null as string) as crm_status,
    cast(null as string) as owner_key,
    cast(null as date) as created_date,
    cast(null as date) as first_purchase_date
from run_context
