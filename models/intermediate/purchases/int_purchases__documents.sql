-- Grain: one row per version of a document that can make a purchase: an order, an invoice, or a won
-- deal of a source whose money entity is its deals. customer_key is 'unknown' where no customer can
-- be found.
with orders as (
    select * from {{ ref('int_crm__orders') }}
),

deals as (
    select * from {{ ref('int_crm__deals') }}
    where is_money_entity and stage = 'won'
),

source_map as (
    select * from {{ ref('int_customers__source_map') }}
),

run_settings as (
    select * from {{ source('raw', 'run_settings') }}
),

sales_channels as (
    select * from {{ ref('int_config__enum_map') }}
    where enum = 'sales_channel'
),

documents as (
    select
        order_key,
        crm_source,
        record_kind,
        order_id,
        document_number,
        party_key,
        owner_key,
        order_date,
        gross_base,
        discount_base,
        net_base,
        net_doc,
        currency,
        channel,
        crm_status,
        status,
        life_status,
        is_countable,
        valid_from,
        valid_to
    from orders
    union all
    select
        md5(crm_source || '|deals|' || deal_id) as order_key,
        crm_source,
        'deals' as record_kind,
        deal_id as order_id,
        cast(null as string) as document_number,
        party_key,
        owner_key,
        coalesce(close_date, stage_changed_date, valid_from) as order_date,
        amount_base as gross_base,
        cast(0 as decimal(18, 2)) as discount_base,
        amount_base as net_base,
        amount_doc as net_doc,
        currency,
        cast(null as string) as channel,
        crm_stage as crm_status,
        'counted' as status,
        life_status,
        life_status = 'active' as is_countable,
        valid_from,
        valid_to
    from deals
)

select
    documents.order_key,
    documents.crm_source,
    documents.record_kind,
    documents.order_id,
    documents.document_number,
    coalesce(source_map.customer_key, 'unknown') as customer_key,
    documents.owner_key,
    documents.order_date,
    documents.gross_base,
    documents.discount_base,
    documents.net_base,
    documents.net_doc,
    documents.currency,
    documents.channel,
    sales_channels.value as channel_group,
    documents.crm_status,
    documents.status,
    documents.life_status,
    documents.is_countable
    and documents.net_base is not null
    and (
        documents.net_base > 0
        or (documents.net_base = 0 and run_settings.count_zero_value)
    ) as is_counted,
    documents.is_countable and coalesce(documents.net_base < 0, false) as is_refund,
    documents.valid_from,
    documents.valid_to
from documents
cross join run_settings
left join source_map on documents.party_key = source_map.record_key
left join sales_channels
    on
        documents.crm_source = sales_channels.crm_source
        and {{ folded('documents.channel') }} = sales_channels.raw_value_key
