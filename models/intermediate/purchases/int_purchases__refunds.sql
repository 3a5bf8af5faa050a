-- Grain: one row per version of money given back: a return or refund document, or, for a source that
-- exports neither, the growth of an order's own returned and refunded sums, dated by the export in
-- which they grew.
with refunds as (
    select * from {{ ref('int_crm__refunds') }}
),

orders as (
    select * from {{ ref('int_crm__orders') }}
    where is_money_entity
),

source_map as (
    select * from {{ ref('int_customers__source_map') }}
),

sources_with_documents as (
    select distinct crm_source
    from refunds
),

header_sums as (
    select
        orders.order_key,
        orders.crm_source,
        orders.order_id,
        orders.party_key,
        orders.currency,
        orders.valid_from,
        case
            when orders.is_countable
                then greatest(
                    coalesce(orders.returned_base, 0), coalesce(orders.refunded_base, 0)
                )
            else cast(0 as decimal(18, 2))
        end as given_back_base,
        max(orders.valid_to) over (
            partition by orders.order_key
            order by orders.valid_from nulls last
            rows between unbounded preceding and unbounded following
        ) as last_valid_to,
        max(case when orders.valid_to is null then 1 else 0 end) over (
            partition by orders.order_key
            order by orders.valid_from nulls last
            rows between unbounded preceding and unbounded following
        ) as is_current
    from orders
    left join sources_with_documents on orders.crm_source = sources_with_documents.crm_source
    where
        sources_with_documents.crm_source is null
        and coalesce(orders.returned_base, orders.refunded_base) is not null
),

growths as (
    select
        *,
        cast(
            given_back_base - coalesce(
                lag(given_back_base) over (
                    partition by order_key order by valid_from nulls last
                ), 0
            ) as decimal(18, 2)
        ) as growth_base
    from header_sums
)

select
    refunds.refund_key,
    refunds.crm_source,
    refunds.record_kind,
    refunds.refund_id,
    refunds.order_key,
    coalesce(source_map.customer_key, 'unknown') as customer_key,
    refunds.refund_date,
    refunds.amount_base,
    refunds.amount_doc,
    refunds.currency,
    refunds.reason,
    refunds.is_countable and refunds.amount_base is not null as is_counted,
    refunds.valid_from,
    refunds.valid_to
from refunds
left join source_map on refunds.party_key = source_map.record_key
union all
select
    md5(growths.order_key || '|' || cast(growths.valid_from as string))
        as refund_key,
    growths.crm_source,
    'order_header' as record_kind,
    growths.order_id as refund_id,
    growths.order_key,
    coalesce(source_map.customer_key, 'unknown') as customer_key,
    growths.valid_from as refund_date,
    growths.growth_base as amount_base,
    cast(null as decimal(18, 2)) as amount_doc,
    growths.currency,
    cast(null as string) as reason,
    true as is_counted,
    growths.valid_from,
    case when growths.is_current = 0 then growths.last_valid_to end as valid_to
from growths
left join source_map on growths.party_key = source_map.record_key
where growths.growth_base <> 0
