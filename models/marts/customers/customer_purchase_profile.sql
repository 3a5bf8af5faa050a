-- Grain: one row per living customer with a purchase, on the published date: what it buys in the
-- window. Top product and category by money, then units, then name.
with run_context as (
    select * from {{ source('raw', 'run_context') }}
    where is_newest
),

buyers as (
    select * from {{ ref('int_customers__buyers') }}
),

lines as (
    select * from {{ ref('int_purchases__lines') }}
),

products as (
    select * from {{ ref('dim_product') }}
),

product_sums as (
    select
        lines.customer_key,
        products.product_name,
        coalesce(products.category, 'unknown') as category,
        sum(lines.line_base) as line_base,
        sum(lines.units) as units
    from lines
    inner join run_context
        on
            lines.event_date <= run_context.as_of_date
            and lines.event_date >= run_context.window_start
            and {{ is_known('lines', 'run_context.knowledge_date') }}
    inner join products on lines.product_key = products.product_key
    group by lines.customer_key, products.product_name, coalesce(products.category, 'unknown')
),

category_sums as (
    select
        customer_key,
        category,
        row_number() over (
            partition by customer_key
            order by
                sum(line_base) desc nulls last,
                sum(units) desc nulls last,
                category asc nulls last
        ) as choice
    from product_sums
    group by customer_key, category
),

ranked_products as (
    select
        customer_key,
        product_name,
        row_number() over (
            partition by customer_key
            order by
                line_base desc nulls last, units desc nulls last, product_name asc nulls last
        ) as choice
    from product_sums
),

assortments as (
    select
        customer_key,
        count(distinct product_name) as products,
        count(distinct category) as categories
    from product_sums
    group by customer_key
)

select
    buyers.as_of_date,
    buyers.customer_key,
    cast(buyers.window_orders as bigint) as orders,
    cast(buyers.window_units as decimal(18, 2)) as units,
    coalesce(assortments.products, 0) as products,
    coalesce(assortments.categories, 0) as categories,
    category_sums.category as top_category,
    ranked_products.product_name as top_product,
    {{ rounded(
        'cast(buyers.monetary_base as double) / cast(nullif(buyers.window_orders, 0) as double)'
    ) }} as avg_order_value_base,
    {{ rounded(
        'cast('
        ~ days_between('buyers.window_first_purchase_date', 'buyers.last_purchase_date')
        ~ ' as double) / cast(nullif(buyers.window_purchase_days - 1, 0) as double)'
    ) }} as avg_gap_days,
    {{ rounded(
        '100 * cast(buyers.window_online_base as double)'
        ~ ' / cast(nullif(buyers.window_net_base, 0) as double)'
    ) }} as online_share_pct,
    {{ rounded(
        '100 * cast(buyers.window_offline_base as double)'
        ~ ' / cast(nullif(buyers.window_net_base, 0) as double)'
    ) }} as offline_share_pct
from buyers
inner join run_context on buyers.as_of_date = run_context.as_of_date
left join assortments on buyers.customer_key = assortments.customer_key
left join category_sums
    on buyers.customer_key = category_sums.customer_key and category_sums.choice = 1
left join ranked_products
    on buyers.customer_key = ranked_products.customer_key and ranked_products.choice = 1
