-- Grain: one row per as_of_date × customer that existed by then, with the attributes it had
-- (newest export up to then); deleted ones are marked.
-- A customer exists once its record, or a fact that names it, was exported, and from its creation
-- or its first money on; until its record is exported it is inferred.
with source_map as (
    select * from {{ ref('int_customers__source_map') }}
),

run_context as (
    select * from {{ source('raw', 'run_context') }}
),

metrics as (
    select * from {{ ref('int_purchases__customer_metrics') }}
),

records as (
    select
        account_key as record_key,
        account_name as customer_name,
        customer_type,
        crm_status,
        owner_key,
        industry,
        country,
        province,
        city,
        employees,
        annual_revenue,
        company_size,
        birth_date,
        occupation,
        source_channel,
        source_channel_group,
        life_status,
        created_date,
        valid_from,
        valid_to
    from {{ ref('int_crm__accounts') }}
    union all
    select
        contact_key as record_key,
        contact_name as customer_name,
        'individual' as customer_type,
        cast(null as string) as crm_status,
        owner_key,
        cast(null as string) as industry,
        country,
        province,
        city,
        cast(null as decimal(18, 6)) as employees,
        cast(null as decimal(18, 6)) as annual_revenue,
        cast(null as string) as company_size,
        birth_date,
        coalesce(occupation, title) as occupation,
        source_channel,
        source_channel_group,
        life_status,
        created_date,
        valid_from,
        valid_to
    from {{ ref('int_crm__contacts') }}
    where party_key = contact_key
),

known_records as (
    select
        run_context.as_of_date,
        records.*
    from records
    inner join run_context on {{ is_known('records', 'run_context.attribute_date') }}
)

select
    run_context.as_of_date,
    source_map.customer_key,
    source_map.crm_source,
    coalesce(known_records.customer_name, source_map.source_id) as customer_name,
    coalesce(known_records.customer_type, 'unknown') as customer_type,
    known_records.crm_status,
    known_records.owner_key,
    known_records.industry,
    known_records.country,
    known_records.province,
    known_records.city,
    known_records.employees,
    known_records.annual_revenue,
    known_records.company_size as company_size_crm,
    known_records.birth_date,
    known_records.occupation,
    known_records.source_channel,
    coalesce(known_records.source_channel_group, 'unknown') as source_channel_group,
    known_records.created_date,
    source_map.first_seen_on,
    coalesce(source_map.record_seen_on > run_context.attribute_date, true) as is_inferred,
    coalesce(source_map.record_seen_on <= run_context.attribute_date, false)
    and (known_records.record_key is null or known_records.life_status = 'void') as is_deleted,
    metrics.first_purchase_date
from source_map
inner join run_context
    on
        source_map.record_seen_on <= run_context.attribute_date
        or source_map.fact_seen_on <= run_context.knowledge_date
left join known_records
    on
        run_context.as_of_date = known_records.as_of_date
        and source_map.record_key = known_records.record_key
left join metrics
    on
        run_context.as_of_date = metrics.as_of_date
        and source_map.customer_key = metrics.customer_key
where
    metrics.customer_key is not null
    or coalesce(known_records.created_date, run_context.as_of_date) <= run_context.as_of_date
