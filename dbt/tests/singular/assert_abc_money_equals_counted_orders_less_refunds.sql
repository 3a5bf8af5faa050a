{{ config(meta={'dagster': {'ref': {'name': 'customer_abc'}}}) }}
-- In the window: the money of customer_abc, of the unknown member, of deleted customers and of
-- customers who only ever had refunds is all the counted money, to the cent.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

movements as (
    select
        orders.customer_key,
        orders.net_base as amount_base
    from {{ ref('fct_orders') }} as orders
    inner join run_context on orders.order_date >= run_context.window_start
    where orders.is_counted or orders.is_refund
    union all
    select
        refunds.customer_key,
        -refunds.amount_base as amount_base
    from {{ ref('fct_refunds') }} as refunds
    inner join run_context on refunds.refund_date >= run_context.window_start
    where refunds.is_counted
),

without_tier as (
    select customer_key
    from {{ ref('dim_customer') }}
    where is_deleted or not is_existing
),

totals as (
    select
        (select coalesce(sum(amount_base), 0) from movements) as counted_base,
        (select coalesce(sum(monetary_base), 0) from {{ ref('customer_abc') }}) as tiered_base,
        (
            select coalesce(sum(movements.amount_base), 0)
            from movements
            inner join without_tier on movements.customer_key = without_tier.customer_key
        ) as without_tier_base
)

select *
from totals
where counted_base <> tiered_base + without_tier_base
